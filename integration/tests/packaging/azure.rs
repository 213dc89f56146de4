//! `deploy/azure`: what must hold in Bicep and in Terraform alike. Whether compilers take them, `make azure-test` says.

use std::process::Command;

use crate::{root, succeeds, text, there, yaml};

const BICEP: &str = "deploy/azure/bicep";
const TERRAFORM: &str = "deploy/azure/terraform";

fn bicep(file: &str) -> String {
    text(&format!("{BICEP}/{file}.bicep"))
}

#[test]
fn no_key_and_no_public_network_gets_round_the_gateway() {
    let account = bicep("modules/openai");
    for line in [
        "    disableLocalAuth: true\n",
        "    publicNetworkAccess: 'Disabled'\n",
        "    customSubDomainName: name\n",
        "    networkAcls: { defaultAction: 'Deny' }\n",
    ] {
        assert!(account.contains(line), "Bicep lacks {line}");
    }
    let account = text(&format!("{TERRAFORM}/main.tf"));
    let words: Vec<&str> = account.split_whitespace().collect();
    let account = words.join(" ");
    for line in [
        "local_auth_enabled = false",
        "public_network_access_enabled = false",
        "custom_subdomain_name = var.openai_name",
        "default_action = \"Deny\"",
    ] {
        assert!(account.contains(line), "Terraform lacks {line}");
    }
}

/// Nothing else, and at the resource alone.
#[test]
fn the_identity_has_the_least_roles_that_will_do() {
    const OPENAI_USER: &str = "5e0bd9bd-7b93-4f28-af87-19fc36ad61bd";
    // Key Vault Certificate User could read the private keys of certificates, and every secret.
    const VAULT_READER: &str = "21090545-7ca7-4776-b22c-e363652d74d2";
    let terraform = text(&format!("{TERRAFORM}/main.tf"));
    for (file, role, scope) in [
        ("modules/access", OPENAI_USER, "  scope: account\n"),
        ("modules/key-vault-access", VAULT_READER, "  scope: vault\n"),
    ] {
        let module = bicep(file);
        assert!(module.contains(&format!("var role = '{role}'")), "{file}");
        assert!(module.contains(scope), "{file}");
        assert!(terraform.contains(role), "Terraform lacks {role}");
    }
    assert_eq!(terraform.matches("\"azurerm_role_assignment\"").count(), 2);
    let scopes: Vec<_> = terraform
        .lines()
        .filter_map(|line| line.trim().strip_prefix("scope"))
        .map(|rest| rest.trim_start_matches([' ', '=']))
        .collect();
    let narrow = |it: &&str| it.contains("cognitive_account") || it.contains("key_vault");
    assert!(scopes.len() == 2 && scopes.iter().all(narrow), "{scopes:?}");
    assert!(text("docs/azure.md").contains(OPENAI_USER));
}

/// A federated credential is for one subject to the letter.
#[test]
fn the_credential_is_for_the_service_account_that_the_guide_installs() {
    let guide = text("docs/azure.md");
    assert!(guide.contains("helm upgrade --install gateway deploy/helm/tollgate --namespace ai"));
    let main = bicep("main");
    assert!(main.contains("param kubernetesNamespace string = 'ai'"));
    assert!(main.contains("param kubernetesServiceAccount string = 'gateway-tollgate'"));
    let variables = text(&format!("{TERRAFORM}/variables.tf"));
    for default in ["\"ai\"", "\"gateway-tollgate\""] {
        assert!(
            variables.contains(&format!("default     = {default}")),
            "{default}"
        );
    }
    for (file, subject) in [
        (
            main,
            "system:serviceaccount:${kubernetesNamespace}:${kubernetesServiceAccount}",
        ),
        (
            text(&format!("{TERRAFORM}/main.tf")),
            "system:serviceaccount:${var.kubernetes_namespace}:${var.kubernetes_service_account}",
        ),
    ] {
        assert!(file.contains(subject), "no {subject}");
    }
    for file in [
        bicep("modules/identity"),
        text(&format!("{TERRAFORM}/main.tf")),
    ] {
        assert!(file.contains("api://AzureADTokenExchange"));
    }
}

#[test]
fn the_container_app_shares_the_socket_alone() {
    let app = bicep("examples/container-app");
    let envoy = yaml("docker-compose.yml")["services"]["envoy"]["image"].clone();
    let envoy = envoy.as_str().expect("an image");
    assert!(
        app.contains(&format!("docker.io/{envoy}'")),
        "another Envoy than {envoy}"
    );
    for volume in ["socket", "tollgate-config", "envoy-config"] {
        let mounts = app.matches(&format!("volumeName: '{volume}'")).count();
        assert_eq!(mounts, if volume == "socket" { 2 } else { 1 }, "{volume}");
    }
    // The group of tollgate's user in the image.
    assert!(app.contains("{ name: 'ENVOY_GID', value: '65532' }"));
    assert!(text("Dockerfile").contains("--owner 65532"));
    // drain_timeout's default, and 15 s.
    assert!(app.contains("terminationGracePeriodSeconds: 45"));
}

#[test]
fn terraform_would_format_the_files_as_they_are() {
    if there(Command::new("terraform").arg("version")) {
        let folder = root().join(TERRAFORM);
        let chdir = format!("-chdir={}", folder.display());
        succeeds(Command::new("terraform").args([&chdir, "fmt", "-check", "-diff"]));
    }
}
