{% include "note.lua" %}

function envoy_on_response(handle)
  note(handle, {{ backend.name | lua }})
end
