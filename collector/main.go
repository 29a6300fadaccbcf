// Collector is Lagrum's distribution of the OpenTelemetry Collector: what reads a node's logs, and nothing else.
package main

import (
	"fmt"
	"os"

	"github.com/open-telemetry/opentelemetry-collector-contrib/extension/healthcheckextension"
	"github.com/open-telemetry/opentelemetry-collector-contrib/extension/storage/filestorage"
	"github.com/open-telemetry/opentelemetry-collector-contrib/receiver/filelogreceiver"
	"github.com/open-telemetry/opentelemetry-collector-contrib/receiver/journaldreceiver"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/confmap/provider/envprovider"
	"go.opentelemetry.io/collector/confmap/provider/fileprovider"
	"go.opentelemetry.io/collector/exporter"
	"go.opentelemetry.io/collector/exporter/otlphttpexporter"
	"go.opentelemetry.io/collector/extension"
	"go.opentelemetry.io/collector/featuregate"
	"go.opentelemetry.io/collector/otelcol"
	"go.opentelemetry.io/collector/processor"
	"go.opentelemetry.io/collector/processor/memorylimiterprocessor"
	"go.opentelemetry.io/collector/receiver"

	"github.com/lagrum/lagrum/collector/archive"
	"github.com/lagrum/lagrum/collector/record"
)

// version is that of the upstream components.
const version = "0.128.0"

// synchronous has receivers hand on what they read before they note that they read it. Without it, what was read in the last
// tenth of a second is lost when the collector is killed.
const synchronous = "stanza.synchronousLogEmitter"

func components() (otelcol.Factories, error) {
	receivers, err1 := otelcol.MakeFactoryMap[receiver.Factory](filelogreceiver.NewFactory(), journaldreceiver.NewFactory())
	processors, err2 := otelcol.MakeFactoryMap[processor.Factory](record.NewFactory(), memorylimiterprocessor.NewFactory())
	exporters, err3 := otelcol.MakeFactoryMap[exporter.Factory](archive.NewFactory(), otlphttpexporter.NewFactory())
	extensions, err4 := otelcol.MakeFactoryMap[extension.Factory](filestorage.NewFactory(), healthcheckextension.NewFactory())
	for _, err := range []error{err1, err2, err3, err4} {
		if err != nil {
			return otelcol.Factories{}, err
		}
	}
	return otelcol.Factories{Receivers: receivers, Processors: processors, Exporters: exporters, Extensions: extensions}, nil
}

func main() {
	command := otelcol.NewCommand(otelcol.CollectorSettings{
		BuildInfo: component.BuildInfo{Command: "lagrum-collector", Description: "Lagrum's collector of logs", Version: version},
		Factories: components,
		ConfigProviderSettings: otelcol.ConfigProviderSettings{ResolverSettings: confmap.ResolverSettings{
			ProviderFactories: []confmap.ProviderFactory{fileprovider.NewFactory(), envprovider.NewFactory()},
		}},
	})
	if err := featuregate.GlobalRegistry().Set(synchronous, true); err != nil {
		fmt.Fprintln(os.Stderr, "collector:", err)
		os.Exit(1)
	}
	if err := command.Execute(); err != nil {
		os.Exit(1)
	}
}
