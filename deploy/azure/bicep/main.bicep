// What tollgate needs of Azure: an identity that pods have without a secret, an Azure OpenAI resource that takes
// tokens alone and is reached privately, the role between the two, and the metrics that usage is compared with.
//
//   az deployment group create --resource-group RG --parameters main.bicepparam

targetScope = 'resourceGroup'

@description('What names of resources begin with.')
@minLength(2)
@maxLength(20)
param name string = 'tollgate'

@description('Where the resources are.')
param location string = resourceGroup().location

@description('The Azure OpenAI resource, which is also its host: NAME.openai.azure.com.')
@minLength(2)
@maxLength(64)
param openAiName string

@description('The deployments of models.')
param deployments modelDeployment[]

@description('The OIDC issuer of the Kubernetes cluster; empty where tollgate does not run in one.')
param oidcIssuerUrl string = ''

@description('The namespace of tollgate\'s service account.')
param kubernetesNamespace string = 'ai'

@description('Its service account: the name that the Helm chart gives it.')
param kubernetesServiceAccount string = 'gateway-tollgate'

@description('The subnet of the private endpoint.')
param subnetId string

@description('The network that is to find the private address by the resource\'s name.')
param virtualNetworkId string

@description('Where logs and metrics of the resource are kept; made if empty.')
param logAnalyticsWorkspaceId string = ''

@description('A vault in this resource group with trust anchors of client certificates; none if empty.')
param keyVaultName string = ''

@description('A deployment of a model.')
type modelDeployment = {
  @description('What requests call it.')
  name: string
  model: string
  version: string
  sku: 'Standard' | 'GlobalStandard' | 'DataZoneStandard' | 'ProvisionedManaged' | 'GlobalProvisionedManaged'
  @description('Thousands of tokens a minute, or provisioned units.')
  capacity: int
}

module identity 'modules/identity.bicep' = {
  name: '${name}-identity'
  params: {
    name: '${name}-identity'
    location: location
    oidcIssuerUrl: oidcIssuerUrl
    subject: 'system:serviceaccount:${kubernetesNamespace}:${kubernetesServiceAccount}'
  }
}

module openAi 'modules/openai.bicep' = {
  name: '${name}-openai'
  params: {
    name: openAiName
    location: location
    deployments: deployments
  }
}

module access 'modules/access.bicep' = {
  name: '${name}-access'
  params: {
    openAiName: openAi.outputs.name
    principalId: identity.outputs.principalId
  }
}

module privateEndpoint 'modules/private-endpoint.bicep' = {
  name: '${name}-private-endpoint'
  params: {
    name: '${name}-openai'
    location: location
    openAiId: openAi.outputs.id
    subnetId: subnetId
    virtualNetworkId: virtualNetworkId
  }
}

module diagnostics 'modules/diagnostics.bicep' = {
  name: '${name}-diagnostics'
  params: {
    name: name
    location: location
    openAiName: openAi.outputs.name
    logAnalyticsWorkspaceId: logAnalyticsWorkspaceId
  }
}

module keyVault 'modules/key-vault-access.bicep' = if (!empty(keyVaultName)) {
  name: '${name}-key-vault'
  params: {
    keyVaultName: keyVaultName
    principalId: identity.outputs.principalId
  }
}

@description('For workloadIdentity.clientId of the chart, or managed_identity: { client_id }.')
output clientId string = identity.outputs.clientId

@description('For workloadIdentity.tenantId.')
output tenantId string = identity.outputs.tenantId

@description('The identity as a resource, for `identity` of Container Apps.')
output identityId string = identity.outputs.id

@description('For backends: [ { endpoint } ].')
output endpoint string = openAi.outputs.endpoint

@description('For `az monitor metrics list --resource`.')
output openAiId string = openAi.outputs.id
