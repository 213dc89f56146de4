// The identity may use the models of a resource, and change nothing. Alone it is for a resource that is there already.

@description('The Azure OpenAI resource, in this resource group.')
param openAiName string
@description('The identity\'s object id.')
param principalId string

@description('Cognitive Services OpenAI User')
var role = '5e0bd9bd-7b93-4f28-af87-19fc36ad61bd'

resource account 'Microsoft.CognitiveServices/accounts@2024-10-01' existing = {
  name: openAiName
}

resource assignment 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  // At the resource, not at the group.
  scope: account
  name: guid(account.id, principalId, role)
  properties: {
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', role)
    principalId: principalId
    // So that a new identity is not looked up before all of Entra ID knows it.
    principalType: 'ServicePrincipal'
  }
}
