// tollgate and Envoy in one Container App: two containers that share a folder with the socket, and nothing else.
//
// The app's ingress ends TLS, so tollgate.yaml has `envoy: { plaintext: true, listen: "0.0.0.0:8080" }`,
// `listen: { grpc: "unix:/run/tollgate/tollgate.sock", admin: "0.0.0.0:9090" }` and
// `identity: { managed_identity: { client_id: … } }`. Volumes here are lost with a replica, so there is no
// `data_directory`: usage is in the audit log alone. To bill by the ledger run it on AKS.
//
//   tollgate envoy --config tollgate.yaml > envoy.yaml
//   az deployment group create --resource-group RG --template-file container-app.bicep --parameters … \
//     tollgateYaml=@tollgate.yaml envoyYaml=@envoy.yaml

param name string = 'gateway'
param location string = resourceGroup().location
@description('The subnet of the environment, delegated to Microsoft.App/environments: it must reach the private endpoint.')
param subnetId string
@description('`identityId` of main.bicep.')
param identityId string
@description('Your image of tollgate, with its tag or digest.')
param tollgateImage string
param envoyImage string = 'docker.io/envoyproxy/envoy:v1.40.0'
@description('tollgate.yaml')
@secure()
param tollgateYaml string
@description('What `tollgate envoy` writes from it.')
@secure()
param envoyYaml string
@description('Several share nothing unless tollgate.yaml has `database`, and `limits.redis` where there are limits.')
@minValue(1)
param maxReplicas int = 1

resource environment 'Microsoft.App/managedEnvironments@2024-03-01' = {
  name: name
  location: location
  properties: {
    vnetConfiguration: { infrastructureSubnetId: subnetId, internal: false }
    workloadProfiles: [{ name: 'Consumption', workloadProfileType: 'Consumption' }]
  }
}

resource app 'Microsoft.App/containerApps@2024-03-01' = {
  name: name
  location: location
  identity: {
    type: 'UserAssigned'
    userAssignedIdentities: { '${identityId}': {} }
  }
  properties: {
    environmentId: environment.id
    workloadProfileName: 'Consumption'
    configuration: {
      // A new revision for each change: what is mounted does not change under a running one.
      activeRevisionsMode: 'Single'
      ingress: { external: true, targetPort: 8080, transport: 'auto', allowInsecure: false }
      secrets: [
        { name: 'tollgate-yaml', value: tollgateYaml }
        { name: 'envoy-yaml', value: envoyYaml }
      ]
    }
    template: {
      // drain_timeout, and 15 s to account for every request.
      terminationGracePeriodSeconds: 45
      containers: [
        {
          name: 'tollgate'
          image: tollgateImage
          resources: { cpu: json('0.5'), memory: '1Gi' }
          volumeMounts: [
            { volumeName: 'tollgate-config', mountPath: '/etc/tollgate' }
            { volumeName: 'socket', mountPath: '/run/tollgate' }
          ]
          probes: [
            { type: 'Startup', httpGet: { path: '/livez', port: 9090 }, periodSeconds: 1, failureThreshold: 60 }
            { type: 'Liveness', httpGet: { path: '/livez', port: 9090 }, periodSeconds: 10 }
            { type: 'Readiness', httpGet: { path: '/readyz', port: 9090 }, periodSeconds: 5 }
          ]
        }
        {
          name: 'envoy'
          image: envoyImage
          args: ['-c', '/etc/envoy/tollgate/envoy.yaml']
          // There is no group of a pod here. Envoy's own user gets the group of the socket, 65532.
          env: [{ name: 'ENVOY_GID', value: '65532' }]
          resources: { cpu: json('1.0'), memory: '2Gi' }
          volumeMounts: [
            { volumeName: 'envoy-config', mountPath: '/etc/envoy/tollgate' }
            { volumeName: 'socket', mountPath: '/run/tollgate' }
          ]
          probes: [
            { type: 'Startup', tcpSocket: { port: 8080 }, periodSeconds: 1, failureThreshold: 60 }
            { type: 'Readiness', tcpSocket: { port: 8080 }, periodSeconds: 5 }
          ]
        }
      ]
      scale: {
        minReplicas: 1
        maxReplicas: maxReplicas
        rules: [{ name: 'requests', http: { metadata: { concurrentRequests: '400' } } }]
      }
      volumes: [
        { name: 'socket', storageType: 'EmptyDir' }
        { name: 'tollgate-config', storageType: 'Secret', secrets: [{ secretRef: 'tollgate-yaml', path: 'tollgate.yaml' }] }
        { name: 'envoy-config', storageType: 'Secret', secrets: [{ secretRef: 'envoy-yaml', path: 'envoy.yaml' }] }
      ]
    }
  }
}

output url string = 'https://${app.properties.configuration.ingress.fqdn}'
