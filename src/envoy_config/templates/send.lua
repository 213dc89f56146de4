-- Gives an attempt what tollgate has decided for this backend, where that is at this address.
local function send(handle, backend, address)
  local headers = handle:headers()
  local route = handle:streamInfo():dynamicMetadata():get("tollgate.route")
  local order = headers:get("x-tollgate-order")
  if route == nil and order and address and string.find(order, "," .. backend .. "=" .. address .. ",", 1, true) then
    -- Path and identity are in the headers, the same for all backends of the order.
    return
  end
  headers:remove("authorization")
  local own = route and route[backend]
  if own == nil or address == nil or own.address ~= address then
    -- Nobody has decided that this request may go here.
    handle:respond({ [":status"] = "503" }, "")
    return
  end
  headers:replace(":path", own.path)
  headers:replace("authorization", own.authorization)
end
