{% include "send.lua" %}

{% include "note.lua" %}

local backend = {{ backend.name | lua }}
-- Where this cluster leads.
local address = {{ (backend.host ~ ":" ~ backend.port) | lua }}

function envoy_on_request(handle)
  send(handle, backend, address)
end

function envoy_on_response(handle)
  note(handle, backend)
end
