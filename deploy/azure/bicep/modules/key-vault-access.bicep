// The identity may read certificates of a vault: trust anchors of `certificate_authorities`. The vault must use Azure
// RBAC, not access policies.

@description('In this resource group.')
param keyVaultName string
@description('The identity\'s object id.')
param principalId string

@description('Key Vault Reader: certificates without their keys, and no values of secrets')
var role = '21090545-7ca7-4776-b22c-e363652d74d2'

resource vault 'Microsoft.KeyVault/vaults@2023-07-01' existing = {
  name: keyVaultName
}

resource assignment 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  scope: vault
  name: guid(vault.id, principalId, role)
  properties: {
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', role)
    principalId: principalId
    principalType: 'ServicePrincipal'
  }
}
