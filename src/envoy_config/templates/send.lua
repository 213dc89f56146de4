-- Gives an attempt what tollgate has decided for this backend, where that is at this address.
local function send(handle, backend, address)
  local headers = handle:headers()
  headers:remove("authorization")
  local order = handle:streamInfo():dynamicMetadata():get("tollgate.route")
  local own = order and order[backend]
  if own == nil or address == nil or own.address ~= address then
    -- Nobody has decided that this request may go here.
    handle:respond({ [":status"] = "503" }, "")
    return
  end
  headers:replace(":path", own.path)
  headers:replace("authorization", own.authorization)
end
