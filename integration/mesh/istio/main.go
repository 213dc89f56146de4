// What Istio's pilot makes of manifests: the xDS that a proxy gets, as JSON, and the runtime that it is started with.
//
// Built inside a copy of Istio's own module (see ../build.sh): pilot's packages that generate it are
// the ones that a cluster runs, fed from a file in place of the API server.
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"strings"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"istio.io/istio/pilot/pkg/model"
	"istio.io/istio/pilot/test/xds"
	"istio.io/istio/pkg/config/mesh"
	_ "istio.io/istio/pkg/config/xds"
	"istio.io/istio/pkg/test"
)

func main() {
	file := flag.String("file", "", "the manifests")
	output := flag.String("output", "", "where the xDS goes: pilot's log has standard output")
	sidecar := flag.Bool("sidecar", false, "a sidecar's configuration, and not a gateway's")
	namespace := flag.String("namespace", "istio-system", "where the proxy is")
	labels := flag.String("labels", "istio=ingressgateway", "the labels of its pod: a=b,c=d")
	annotation := flag.String("proxy-config", "", "the file of its annotation proxy.istio.io/config")
	version := flag.String("version", "1.31.0", "the version of the proxy")
	flag.Parse()
	var out []byte
	err := test.Wrap(func(t test.Failer) {
		out = generate(t, *file, *annotation, *sidecar, *namespace, *labels, *version)
	})
	if err == nil {
		err = os.WriteFile(*output, out, 0o644)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func generate(t test.Failer, file, annotation string, sidecar bool, namespace, labels, version string) []byte {
	manifests, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	server := xds.NewFakeDiscoveryServer(t, xds.FakeOptions{ConfigString: string(manifests)})
	own := map[string]string{}
	for _, pair := range strings.Split(labels, ",") {
		name, value, _ := strings.Cut(pair, "=")
		own[name] = value
	}
	proxy := &model.Proxy{
		Type:            model.Router,
		ConfigNamespace: namespace,
		Labels:          own,
		IPAddresses:     []string{"127.0.0.1"},
		Metadata:        &model.NodeMetadata{Namespace: namespace, Labels: own, IstioVersion: version},
	}
	if sidecar {
		proxy.Type = model.SidecarProxy
	}
	proxy = server.SetupProxy(proxy)
	listeners := server.Listeners(proxy)
	all := map[string]any{
		"listeners": raw(t, listeners),
		"routes":    raw(t, server.RoutesFromListeners(proxy, listeners)),
		"clusters":  raw(t, server.Clusters(proxy)),
		"endpoints": raw(t, server.Endpoints(proxy)),
		"runtime":   runtime(t, annotation),
	}
	text, err := json.Marshal(all)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// What the annotation of a proxy's pod makes of the mesh's defaults.
func runtime(t test.Failer, annotation string) map[string]string {
	text, err := os.ReadFile(annotation)
	if err != nil {
		t.Fatal(err)
	}
	config, err := mesh.ApplyProxyConfig(string(text), mesh.DefaultMeshConfig())
	if err != nil {
		t.Fatal(err)
	}
	return config.GetDefaultConfig().GetRuntimeValues()
}

func raw[M proto.Message](t test.Failer, messages []M) []json.RawMessage {
	all := make([]json.RawMessage, 0, len(messages))
	for _, message := range messages {
		text, err := protojson.MarshalOptions{UseProtoNames: true}.Marshal(message)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, text)
	}
	return all
}
