-- Gives an attempt what tollgate has decided for this backend, where that is at this address.
local function send(handle, backend, address)
  local headers = handle:headers()
  local order = headers:get("x-tollgate-order") or ""
  local is_in_it = address and string.find(order, "," .. backend .. "=" .. address .. ",", 1, true)
  if is_in_it and string.sub(order, -1) == "*" then
    -- Path and identity are in the headers, the same for all backends of the order.
    return
  end
  headers:remove("authorization")
  local route = handle:streamInfo():dynamicMetadata():get("tollgate.route")
  local own = route and route[backend]
  if own == nil or address == nil or own.address ~= address then
    -- Nobody has decided that this request may go here.
    handle:respond({ [":status"] = "503" }, "")
    return
  end
  headers:replace(":path", own.path)
  headers:replace("authorization", own.authorization)
end
