// An Azure OpenAI resource that takes tokens of Entra ID alone, and none of its own keys, from no public network.

param name string
param location string
@description('{ name, model, version, sku, capacity }')
param deployments array

resource account 'Microsoft.CognitiveServices/accounts@2024-10-01' = {
  name: name
  location: location
  kind: 'OpenAI'
  sku: { name: 'S0' }
  properties: {
    // Its host's name: tokens are accepted there alone.
    customSubDomainName: name
    // No key gets round the gateway.
    disableLocalAuth: true
    publicNetworkAccess: 'Disabled'
    networkAcls: { defaultAction: 'Deny' }
  }
}

// One after the other: the service refuses two at once.
@batchSize(1)
resource models 'Microsoft.CognitiveServices/accounts/deployments@2024-10-01' = [
  for deployment in deployments: {
    parent: account
    name: deployment.name
    sku: { name: deployment.sku, capacity: deployment.capacity }
    properties: {
      model: { format: 'OpenAI', name: deployment.model, version: deployment.version }
      // Prices and limits are of a version: it changes when you change it here.
      versionUpgradeOption: 'NoAutoUpgrade'
    }
  }
]

output id string = account.id
output name string = account.name
output endpoint string = account.properties.endpoint
