{% include "send.lua" %}

{% include "note.lua" %}

-- Where the backends are.
local addresses = {
{% for backend in backends %}
  [{{ backend.name | lua }}] = {{ (backend.host ~ ":" ~ backend.port) | lua }},
{% endfor %}
}

function envoy_on_request(handle)
  local backend = handle:headers():get("x-tollgate-attempt") or ""
  handle:headers():remove("x-tollgate-attempt")
  handle:streamInfo():dynamicMetadata():set("tollgate.attempt", "backend", backend)
  send(handle, backend, addresses[backend])
end

function envoy_on_response(handle)
  local attempt = handle:streamInfo():dynamicMetadata():get("tollgate.attempt")
  if attempt then
    note(handle, attempt.backend)
  end
end
