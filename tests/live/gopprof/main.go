// SPDX-License-Identifier: Apache-2.0

// Gopprof reads profiles with pprof's own package and says in JSON what it saw.
//
//	gopprof FILE...
//
// Each file is parsed, which includes CheckValid. With several files they are also
// merged, as readers do with the profiles of one program's many runs: locations of the same
// code must fold together wherever it was mapped.
package main

import (
	"encoding/json"
	"fmt"
	"os"

	"github.com/google/pprof/profile"
)

// Values of the last sample type, as pprof shows by default.
type total struct {
	Flat int64 `json:"flat"`
	Cum  int64 `json:"cum"`
}

type summary struct {
	SampleTypes [][2]string                 `json:"sample_types"`
	PeriodType  [2]string                   `json:"period_type"`
	Period      int64                       `json:"period"`
	TimeNs      int64                       `json:"time_ns"`
	DurationNs  int64                       `json:"duration_ns"`
	Comments    []string                    `json:"comments"`
	Samples     int                         `json:"samples"`
	Totals      []int64                     `json:"totals"`
	Mappings    []string                    `json:"mappings"`
	Locations   int                         `json:"locations"`
	Functions   map[string]*total           `json:"functions"`
	Labels      map[string]map[string]int64 `json:"labels"`
}

type answer struct {
	Files  []*summary `json:"files"`
	Merged *summary   `json:"merged,omitempty"`
}

func read(path string) (*profile.Profile, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	p, err := profile.Parse(f)
	if err != nil {
		return nil, fmt.Errorf("%s: %v", path, err)
	}
	if err := p.CheckValid(); err != nil {
		return nil, fmt.Errorf("%s: %v", path, err)
	}
	return p, nil
}

func names(l *profile.Location) []string {
	var found []string
	for _, line := range l.Line {
		found = append(found, line.Function.Name)
	}
	if found == nil {
		found = []string{""}
	}
	return found
}

func (s *summary) count(x *profile.Sample) {
	last := x.Value[len(x.Value)-1]
	seen := map[string]bool{}
	for depth, l := range x.Location {
		for i, name := range names(l) {
			t := s.Functions[name]
			if t == nil {
				t = &total{}
				s.Functions[name] = t
			}
			if depth == 0 && i == 0 {
				t.Flat += last
			}
			if !seen[name] {
				t.Cum += last
			}
			seen[name] = true
		}
	}
	for i, v := range x.Value {
		s.Totals[i] += v
	}
	for key, values := range x.Label {
		if s.Labels[key] == nil {
			s.Labels[key] = map[string]int64{}
		}
		for _, value := range values {
			s.Labels[key][value] += last
		}
	}
}

func summarize(p *profile.Profile) *summary {
	s := &summary{
		Period:     p.Period,
		TimeNs:     p.TimeNanos,
		DurationNs: p.DurationNanos,
		Comments:   p.Comments,
		Samples:    len(p.Sample),
		Totals:     make([]int64, len(p.SampleType)),
		Locations:  len(p.Location),
		Functions:  map[string]*total{},
		Labels:     map[string]map[string]int64{},
	}
	for _, t := range p.SampleType {
		s.SampleTypes = append(s.SampleTypes, [2]string{t.Type, t.Unit})
	}
	if p.PeriodType != nil {
		s.PeriodType = [2]string{p.PeriodType.Type, p.PeriodType.Unit}
	}
	for _, m := range p.Mapping {
		s.Mappings = append(s.Mappings, m.File)
	}
	for _, x := range p.Sample {
		s.count(x)
	}
	return s
}

func run(paths []string) (*answer, error) {
	var profiles []*profile.Profile
	found := &answer{}
	for _, path := range paths {
		p, err := read(path)
		if err != nil {
			return nil, err
		}
		profiles = append(profiles, p)
		found.Files = append(found.Files, summarize(p))
	}
	if len(profiles) > 1 {
		merged, err := profile.Merge(profiles)
		if err != nil {
			return nil, err
		}
		if err := merged.CheckValid(); err != nil {
			return nil, err
		}
		found.Merged = summarize(merged)
	}
	return found, nil
}

func main() {
	if len(os.Args) < 2 {
		fmt.Fprintln(os.Stderr, "usage: gopprof FILE...")
		os.Exit(2)
	}
	found, err := run(os.Args[1:])
	if err == nil {
		err = json.NewEncoder(os.Stdout).Encode(found)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
