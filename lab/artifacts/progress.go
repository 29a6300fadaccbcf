package artifacts

import (
	"fmt"
	"strings"
	"time"
)

// opening says what a build is about to do, and why a first one takes long.
func opening(todo []work, total, cores int) string {
	if len(todo) == 0 {
		return fmt.Sprintf("All %d programs and images of the lab are in the cache.", total)
	}
	return fmt.Sprintf("The lab makes its programs and images itself: %d of %d are still to be made, in about %s on %d processors.\n"+
		"The first time takes long because every program is compiled from pinned Go modules. What is finished is kept, also when this run is interrupted.",
		len(todo), total, rough(remaining(todo, cores, time.Time{})), cores)
}

// statusLine says what is running, for how long, and how long the rest is expected to take.
func statusLine(all []work, cores int, now time.Time) string {
	var parts []string
	for _, w := range all {
		if w.state == running {
			parts = append(parts, fmt.Sprintf("%s ... %s", w.Title, now.Sub(w.started).Round(time.Second)))
		}
	}
	return fmt.Sprintf("%s %s, about %s left", counter(all), strings.Join(parts, ", "), rough(remaining(all, cores, now)))
}

// doneLine says that a step is finished.
func doneLine(all []work, index int, now time.Time) string {
	return fmt.Sprintf("%s %s is ready after %s", counter(all), all[index].Title, now.Sub(all[index].started).Round(time.Second))
}

// counter is the number of finished steps and of all, as "[ 2/11]".
func counter(all []work) string {
	finished := 0
	for _, w := range all {
		if w.state == done {
			finished++
		}
	}
	width := len(fmt.Sprint(len(all)))
	return fmt.Sprintf("[%*d/%d]", width, finished, len(all))
}

// remaining is how long the unfinished steps are expected to take. A running step is taken to use its share of the processors, and to be nearly done when it
// has used more than was expected.
func remaining(all []work, cores int, now time.Time) time.Duration {
	busy := 0
	for _, w := range all {
		if w.state == running {
			busy++
		}
	}
	// Linking and large packages occupy one processor each: beyond a few, more of them do not help.
	useful := time.Duration(min(cores, 6))
	var cost time.Duration
	for _, w := range all {
		switch w.state {
		case waiting:
			cost += w.Cost
		case running:
			cost += max(w.Cost-now.Sub(w.started)*useful/time.Duration(busy), w.Cost/20)
		}
	}
	return cost / useful
}

// rough rounds an estimate up to what it can promise: ten seconds below ten minutes, minutes above.
func rough(d time.Duration) string {
	unit := 10 * time.Second
	if d >= 10*time.Minute {
		unit = time.Minute
	}
	text := max((d + unit - 1).Truncate(unit), unit).String()
	if strings.HasSuffix(text, "m0s") {
		return strings.TrimSuffix(text, "0s")
	}
	return text
}
