// Azure's own count of tokens by deployment, for longer than the 93 days that metrics are kept, and who asked. The
// logs have no prompts and no answers.

param name string
param location string
param openAiName string
@description('Made if empty.')
param logAnalyticsWorkspaceId string

resource workspace 'Microsoft.OperationalInsights/workspaces@2023-09-01' = if (empty(logAnalyticsWorkspaceId)) {
  name: '${name}-logs'
  location: location
  properties: {
    sku: { name: 'PerGB2018' }
    retentionInDays: 90
  }
}

resource account 'Microsoft.CognitiveServices/accounts@2024-10-01' existing = {
  name: openAiName
}

resource settings 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = {
  scope: account
  name: name
  properties: {
    workspaceId: empty(logAnalyticsWorkspaceId) ? workspace.id : logAnalyticsWorkspaceId
    metrics: [{ category: 'AllMetrics', enabled: true }]
    logs: [
      { category: 'Audit', enabled: true }
      { category: 'RequestResponse', enabled: true }
    ]
  }
}
