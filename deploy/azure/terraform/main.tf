# What tollgate needs of Azure: an identity that pods have without a secret, an Azure OpenAI resource that takes
# tokens alone and is reached privately, the role between the two, and the metrics that usage is compared with.

data "azurerm_subscription" "current" {}

data "azurerm_resource_group" "this" {
  name = var.resource_group_name
}

locals {
  role_definitions = "${data.azurerm_subscription.current.id}/providers/Microsoft.Authorization/roleDefinitions"
}

# The gateway's own identity.
resource "azurerm_user_assigned_identity" "gateway" {
  name                = "${var.name}-identity"
  resource_group_name = data.azurerm_resource_group.this.name
  location            = data.azurerm_resource_group.this.location
}

# A service account of Kubernetes may be it, and no secret exists.
resource "azurerm_federated_identity_credential" "kubernetes" {
  count = var.oidc_issuer_url == null ? 0 : 1

  name                = "kubernetes"
  resource_group_name = data.azurerm_resource_group.this.name
  parent_id           = azurerm_user_assigned_identity.gateway.id
  issuer              = var.oidc_issuer_url
  subject             = "system:serviceaccount:${var.kubernetes_namespace}:${var.kubernetes_service_account}"
  audience            = ["api://AzureADTokenExchange"]
}

resource "azurerm_cognitive_account" "openai" {
  name                = var.openai_name
  resource_group_name = data.azurerm_resource_group.this.name
  location            = data.azurerm_resource_group.this.location
  kind                = "OpenAI"
  sku_name            = "S0"

  # Its host's name: tokens are accepted there alone.
  custom_subdomain_name = var.openai_name
  # disableLocalAuth: no key gets round the gateway.
  local_auth_enabled            = false
  public_network_access_enabled = false

  network_acls {
    default_action = "Deny"
  }
}

resource "azurerm_cognitive_deployment" "models" {
  for_each = var.deployments

  name                 = each.key
  cognitive_account_id = azurerm_cognitive_account.openai.id
  # Prices and limits are of a version: it changes when you change it here.
  version_upgrade_option = "NoAutoUpgrade"

  model {
    format  = "OpenAI"
    name    = each.value.model
    version = each.value.version
  }

  sku {
    name     = each.value.sku
    capacity = each.value.capacity
  }
}

# It may use the models, and change nothing; at the resource, not at the group.
resource "azurerm_role_assignment" "openai_user" {
  scope              = azurerm_cognitive_account.openai.id
  role_definition_id = "${local.role_definitions}/5e0bd9bd-7b93-4f28-af87-19fc36ad61bd" # Cognitive Services OpenAI User
  principal_id       = azurerm_user_assigned_identity.gateway.principal_id
  principal_type     = "ServicePrincipal"
}

resource "azurerm_role_assignment" "key_vault_reader" {
  count = var.key_vault_id == null ? 0 : 1

  scope              = var.key_vault_id
  role_definition_id = "${local.role_definitions}/21090545-7ca7-4776-b22c-e363652d74d2" # Key Vault Reader
  principal_id       = azurerm_user_assigned_identity.gateway.principal_id
  principal_type     = "ServicePrincipal"
}

# A private address of the resource, and the zone by which its name leads there. The name stays the public one.
resource "azurerm_private_dns_zone" "openai" {
  name                = "privatelink.openai.azure.com"
  resource_group_name = data.azurerm_resource_group.this.name
}

resource "azurerm_private_dns_zone_virtual_network_link" "openai" {
  name                  = "${var.name}-openai"
  resource_group_name   = data.azurerm_resource_group.this.name
  private_dns_zone_name = azurerm_private_dns_zone.openai.name
  virtual_network_id    = var.virtual_network_id
}

resource "azurerm_private_endpoint" "openai" {
  name                = "${var.name}-openai"
  resource_group_name = data.azurerm_resource_group.this.name
  location            = data.azurerm_resource_group.this.location
  subnet_id           = var.subnet_id

  private_service_connection {
    name                           = "${var.name}-openai"
    private_connection_resource_id = azurerm_cognitive_account.openai.id
    subresource_names              = ["account"]
    is_manual_connection           = false
  }

  private_dns_zone_group {
    name                 = "default"
    private_dns_zone_ids = [azurerm_private_dns_zone.openai.id]
  }
}

# Azure's own count of tokens by deployment, for longer than the 93 days that metrics are kept, and who asked. The
# logs have no prompts and no answers.
resource "azurerm_log_analytics_workspace" "this" {
  count = var.log_analytics_workspace_id == null ? 1 : 0

  name                = "${var.name}-logs"
  resource_group_name = data.azurerm_resource_group.this.name
  location            = data.azurerm_resource_group.this.location
  sku                 = "PerGB2018"
  retention_in_days   = 90
}

resource "azurerm_monitor_diagnostic_setting" "openai" {
  name                       = var.name
  target_resource_id         = azurerm_cognitive_account.openai.id
  log_analytics_workspace_id = coalesce(var.log_analytics_workspace_id, one(azurerm_log_analytics_workspace.this[*].id))

  enabled_log {
    category = "Audit"
  }

  enabled_log {
    category = "RequestResponse"
  }

  enabled_metric {
    category = "AllMetrics"
  }
}
