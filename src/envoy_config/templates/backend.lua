local backend = {{ backend.name | lua }}
-- Where this cluster leads: what tollgate has for another address is not sent here.
local address = {{ (backend.host ~ ":" ~ backend.port) | lua }}

function envoy_on_request(handle)
  local headers = handle:headers()
  headers:remove("authorization")
  local order = handle:streamInfo():dynamicMetadata():get("tollgate.route")
  local own = order and order[backend]
  if own == nil or own.address ~= address then
    -- Nobody has decided that this request may go here.
    handle:respond({ [":status"] = "503" }, "")
    return
  end
  headers:replace(":path", own.path)
  headers:replace("authorization", own.authorization)
end

-- What tollgate learns of an attempt, also of one that another one follows.
function envoy_on_response(handle)
  local headers = handle:headers()
  local seen = { status = headers:get(":status") }
  seen.retry_after_ms = headers:get("retry-after-ms")
  seen.retry_after = headers:get("retry-after")
  seen.remaining_requests = headers:get("x-ratelimit-remaining-requests")
  seen.utilization = headers:get("azure-openai-deployment-utilization")
  handle:streamInfo():dynamicMetadata():set("tollgate.attempts", backend, seen)
end
