using 'main.bicep'

param openAiName = 'acme-sweden'
param deployments = [
  { name: 'gpt-4o', model: 'gpt-4o', version: '2024-11-20', sku: 'GlobalStandard', capacity: 100 }
]
// az aks show --resource-group RG --name CLUSTER --query oidcIssuerProfile.issuerUrl --output tsv
param oidcIssuerUrl = 'https://swedencentral.oic.prod-aks.azure.com/00000000-0000-0000-0000-000000000000/11111111-1111-1111-1111-111111111111/'
param subnetId = '/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/network/providers/Microsoft.Network/virtualNetworks/hub/subnets/endpoints'
param virtualNetworkId = '/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/network/providers/Microsoft.Network/virtualNetworks/hub'
