// Command ingress is Skipper, an ingress controller that serves what Ingress objects say, with its own command line.
package main

import (
	"log"

	"github.com/zalando/skipper"
	"github.com/zalando/skipper/config"
)

func main() {
	settings := config.NewConfig()
	if err := settings.Parse(); err != nil {
		log.Fatal(err)
	}
	if err := skipper.Run(settings.ToOptions()); err != nil {
		log.Fatal(err)
	}
}
