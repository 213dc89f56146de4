// An AKS cluster in which pods can be a managed identity (workload identity), and network policies hold. Its issuer
// is main.bicep's `oidcIssuerUrl`.

param name string = 'gateway'
param location string = resourceGroup().location
@description('The subnet of the nodes.')
param subnetId string

resource cluster 'Microsoft.ContainerService/managedClusters@2025-01-01' = {
  name: name
  location: location
  identity: { type: 'SystemAssigned' }
  sku: { name: 'Base', tier: 'Standard' }
  properties: {
    dnsPrefix: name
    disableLocalAccounts: true
    aadProfile: { managed: true, enableAzureRBAC: true }
    oidcIssuerProfile: { enabled: true }
    securityProfile: { workloadIdentity: { enabled: true } }
    networkProfile: {
      networkPlugin: 'azure'
      networkPluginMode: 'overlay'
      networkDataplane: 'cilium'
      networkPolicy: 'cilium'
    }
    agentPoolProfiles: [
      {
        name: 'system'
        mode: 'System'
        vmSize: 'Standard_D4ds_v5'
        count: 3
        availabilityZones: ['1', '2', '3']
        vnetSubnetID: subnetId
        osType: 'Linux'
      }
    ]
  }
}

output oidcIssuerUrl string = cluster.properties.oidcIssuerProfile.issuerURL
output name string = cluster.name
