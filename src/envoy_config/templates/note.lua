-- What tollgate learns of an attempt, also of one that another one follows.
local function note(handle, backend)
  local headers = handle:headers()
  local seen = { status = headers:get(":status") }
  seen.retry_after_ms = headers:get("retry-after-ms")
  seen.retry_after = headers:get("retry-after")
  seen.remaining_requests = headers:get("x-ratelimit-remaining-requests")
  seen.utilization = headers:get("azure-openai-deployment-utilization")
  handle:streamInfo():dynamicMetadata():set("tollgate.attempts", backend, seen)
end
