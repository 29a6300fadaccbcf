package requirements

// Control says how the resources of one package serve a capability, and what shows it. Packages that make resources
// declare theirs as data; docs/controls.md joins them with the catalogue.
//
// A control is evidence for the requirements that ask for its capability. That it fulfils one is for people to judge: a
// rule may ask for more than its capability's name.
type Control struct {
	Capability Capability
	// Resources are the types that serve it, as the engine knows them; "plan" where a refusal serves it, "node" where
	// bytes that a node boots with do.
	Resources []string
	// How they serve it, in one sentence without a full stop.
	How string
	// Proofs are the tests that would fail without it, by the rung they stand on: "policy TestX" over the whole graph,
	// "unit TestX", "api TestX" on a real API server, "lab STEP" of the end-to-end tests on a real cluster.
	Proofs []string
}
