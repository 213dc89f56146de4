output "client_id" {
  description = "For workloadIdentity.clientId of the chart, or managed_identity: { client_id }."
  value       = azurerm_user_assigned_identity.gateway.client_id
}

output "tenant_id" {
  description = "For workloadIdentity.tenantId."
  value       = azurerm_user_assigned_identity.gateway.tenant_id
}

output "identity_id" {
  description = "The identity as a resource, for `identity` of Container Apps."
  value       = azurerm_user_assigned_identity.gateway.id
}

output "endpoint" {
  description = "For backends: [ { endpoint } ]."
  value       = azurerm_cognitive_account.openai.endpoint
}

output "openai_id" {
  description = "For `az monitor metrics list --resource`."
  value       = azurerm_cognitive_account.openai.id
}
