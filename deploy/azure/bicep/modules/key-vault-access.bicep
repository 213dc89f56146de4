// The identity may read certificates of a vault: trust anchors of `certificate_authorities`. The vault must use Azure
// RBAC, not access policies.

@description('In this resource group.')
param keyVaultName string
@description('The identity\'s object id.')
param principalId string

@description('Key Vault Certificate User')
var role = 'db79e9a7-68ee-4b58-9aeb-b90e7c24fcba'

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
