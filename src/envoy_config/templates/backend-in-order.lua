-- Where the backends are: what tollgate has for another address is not sent there.
local addresses = {
{% for backend in backends %}
  [{{ backend.name | lua }}] = {{ (backend.host ~ ":" ~ backend.port) | lua }},
{% endfor %}
}

function envoy_on_request(handle)
  local headers = handle:headers()
  local backend = headers:get("x-tollgate-attempt") or ""
  headers:remove("x-tollgate-attempt")
  headers:remove("authorization")
  local metadata = handle:streamInfo():dynamicMetadata()
  metadata:set("tollgate.attempt", "backend", backend)
  local order = metadata:get("tollgate.route")
  local own = order and order[backend]
  if own == nil or own.address ~= addresses[backend] then
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
  local metadata = handle:streamInfo():dynamicMetadata()
  local attempt = metadata:get("tollgate.attempt")
  local backend = attempt and attempt.backend or ""
  local seen = { status = headers:get(":status") }
  seen.retry_after_ms = headers:get("retry-after-ms")
  seen.retry_after = headers:get("retry-after")
  seen.remaining_requests = headers:get("x-ratelimit-remaining-requests")
  seen.utilization = headers:get("azure-openai-deployment-utilization")
  metadata:set("tollgate.attempts", backend, seen)
end
