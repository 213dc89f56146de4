// A private address of the resource, and the zone by which its name leads there. The name stays the public one, so
// certificates and tollgate.yaml do, too.

param name string
param location string
param openAiId string
param subnetId string
param virtualNetworkId string

// Azure's own name for this service; a zone of another name is never asked.
var zoneName = 'privatelink.openai.azure.com'

resource endpoint 'Microsoft.Network/privateEndpoints@2024-05-01' = {
  name: name
  location: location
  properties: {
    subnet: { id: subnetId }
    privateLinkServiceConnections: [
      {
        name: name
        properties: { privateLinkServiceId: openAiId, groupIds: ['account'] }
      }
    ]
  }
}

resource zone 'Microsoft.Network/privateDnsZones@2020-06-01' = {
  name: zoneName
  location: 'global'
}

resource link 'Microsoft.Network/privateDnsZones/virtualNetworkLinks@2020-06-01' = {
  parent: zone
  name: uniqueString(virtualNetworkId)
  location: 'global'
  properties: {
    registrationEnabled: false
    virtualNetwork: { id: virtualNetworkId }
  }
}

resource records 'Microsoft.Network/privateEndpoints/privateDnsZoneGroups@2024-05-01' = {
  parent: endpoint
  name: 'default'
  properties: {
    privateDnsZoneConfigs: [
      { name: 'openai', properties: { privateDnsZoneId: zone.id } }
    ]
  }
}
