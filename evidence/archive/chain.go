package archive

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// chainName is whose chain it is, and which of theirs.
type chainName struct{ class, cluster, node, chain string }

func (c chainName) String() string {
	return fmt.Sprintf("%s/%s/%s, chain %s", c.class, c.cluster, c.node, c.chain)
}

func (c chainName) owner() [3]string { return [3]string{c.class, c.cluster, c.node} }

func compareNames(a, b chainName) int { return strings.Compare(a.String(), b.String()) }

// link is one object in its chain.
type link struct {
	version
	hash   string
	header header
}

// judgeChains checks that every chain is whole, in order and one.
func (w *walk) judgeChains() {
	began := map[[3]string]Chain{} // the earliest of each node's
	for _, name := range slices.SortedFunc(maps.Keys(w.chains), compareNames) {
		links := w.chains[name]
		slices.SortFunc(links, func(a, b *link) int {
			return cmp.Or(cmp.Compare(a.header.Sequence, b.header.Sequence), a.header.Written.Compare(b.header.Written))
		})
		w.judgeChain(name, links)
		last := links[len(links)-1]
		made := Chain{
			Class: name.class, Cluster: name.cluster, Node: name.node, Chain: name.chain,
			First: links[0].header.Sequence, Last: last.header.Sequence, SHA256: last.hash, Began: links[0].header.Written, Ended: last.header.Written,
		}
		w.report.Chains = append(w.report.Chains, made)
		if other, known := began[name.owner()]; !known || made.Began.Before(other.Began) {
			began[name.owner()] = made
		}
	}
	for _, chain := range w.report.Chains {
		if began[chain.name().owner()] != chain && chain.First == 1 {
			w.notice(Begun, chain.name().String(), "begins at %s, and what was before it is unknown: the node was made anew, or its disk lost", chain.Began.UTC().Format("2006-01-02T15:04:05Z"))
		}
	}
}

func (w *walk) judgeChain(name chainName, links []*link) {
	first := links[0]
	// What was before may have ended lawfully, once what is here is as old as the floor; and a narrow walk leaves it out.
	aged := !first.written.AddDate(0, 0, w.options.FloorDays).After(w.now)
	switch {
	case first.header.Sequence == 1:
	case narrow(w.options.Prefix):
		w.notice(Partial, name.String(), "is followed from %d on: the prefix leaves out what was before", first.header.Sequence)
	case aged:
		w.notice(Partial, name.String(), "is followed from %d on: what was before has ended", first.header.Sequence)
	default:
		w.problem(Missing, version{key: name.String()}, "1 to %d are missing", first.header.Sequence-1)
	}
	for i, at := range links[1:] {
		before := links[i]
		switch from, to := before.header.Sequence, at.header.Sequence; {
		case from == to:
			w.problem(Fork, at.version, "%s has two objects at %d; the other is %s", name, to, before.key)
		case to > from+1:
			w.problem(Missing, version{key: name.String()}, "%d to %d are missing", from+1, to-1)
		case at.header.Previous != before.hash:
			w.problem(Broken, at.version, "%s: the one before it should have the hash %s, and has %s", name, at.header.Previous, before.hash)
		}
	}
}

// compare looks for the ends of chains that an earlier walk found. A chain alone does not tell that its end was cut.
func (w *walk) compare() {
	if w.options.Earlier == nil {
		return
	}
	for _, then := range w.options.Earlier.Chains {
		links := w.chains[then.name()]
		if len(links) == 0 {
			w.problem(Missing, version{key: then.name().String()}, "was here at %s up to %d, and nothing of it is left", w.options.Earlier.At.UTC().Format("2006-01-02T15:04:05Z"), then.Last)
			continue
		}
		i := slices.IndexFunc(links, func(l *link) bool { return l.hash == then.SHA256 })
		switch {
		case i >= 0:
		case links[0].header.Sequence > then.Last && !links[0].written.AddDate(0, 0, w.options.FloorDays).After(w.now):
			// What was the end then has ended lawfully since.
		default:
			w.problem(Missing, version{key: then.name().String()}, "%d, its end at %s, is missing or another now", then.Last, w.options.Earlier.At.UTC().Format("2006-01-02T15:04:05Z"))
		}
	}
}
