variable "name" {
  description = "What names of resources begin with."
  type        = string
  default     = "tollgate"
}

variable "resource_group_name" {
  description = "The resource group, which is there already."
  type        = string
}

variable "openai_name" {
  description = "The Azure OpenAI resource, which is also its host: NAME.openai.azure.com."
  type        = string
}

variable "deployments" {
  description = "The deployments of models, by what requests call them. capacity: thousands of tokens a minute, or provisioned units."
  type = map(object({
    model    = string
    version  = string
    sku      = string
    capacity = number
  }))
}

variable "oidc_issuer_url" {
  description = "The OIDC issuer of the Kubernetes cluster; null where tollgate does not run in one."
  type        = string
  default     = null
}

variable "kubernetes_namespace" {
  description = "The namespace of tollgate's service account."
  type        = string
  default     = "ai"
}

variable "kubernetes_service_account" {
  description = "Its service account: the name that the Helm chart gives it."
  type        = string
  default     = "gateway-tollgate"
}

variable "subnet_id" {
  description = "The subnet of the private endpoint."
  type        = string
}

variable "virtual_network_id" {
  description = "The network that is to find the private address by the resource's name."
  type        = string
}

variable "log_analytics_workspace_id" {
  description = "Where logs and metrics of the resource are kept; made if null."
  type        = string
  default     = null
}

variable "key_vault_id" {
  description = "A vault with trust anchors of client certificates, which uses Azure RBAC; none if null."
  type        = string
  default     = null
}
