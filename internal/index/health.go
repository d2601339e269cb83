package index

// Health is the state of all indexes, with the fields of StackStorm's health
// endpoint (reference.md 7.4), in the order declared.
type Health struct {
	Indexes IndexesHealth `json:"indexes"`
	Packs   PacksHealth   `json:"packs"`
}

// IndexesHealth counts the indexes.
type IndexesHealth struct {
	Count   int           `json:"count"`
	Valid   int           `json:"valid"`
	Invalid int           `json:"invalid"`
	Errors  map[Class]int `json:"errors"`
	Status  []IndexStatus `json:"status"`
}

// IndexStatus is one index. Error is nil if it is valid.
type IndexStatus struct {
	URL     string `json:"url"`
	Packs   int    `json:"packs"`
	Message string `json:"message"`
	Error   *Class `json:"error"`
}

// PacksHealth counts the packs of all valid indexes; one that several have counts
// as often.
type PacksHealth struct {
	Count int `json:"count"`
}

// Health judges the indexes as they answered: a copy from the cache does not make
// an index valid.
func (s *Set) Health() Health {
	h := Health{Indexes: IndexesHealth{Count: len(s.indexes), Errors: map[Class]int{}, Status: []IndexStatus{}}}
	for _, index := range s.indexes {
		status := IndexStatus{URL: index.url, Packs: len(index.packs), Message: "Success."}
		if p := index.problem; p != nil && p.Class != Uncached {
			class := p.Class
			status.Packs, status.Message, status.Error = 0, p.Err.Error(), &class
			h.Indexes.Invalid++
			h.Indexes.Errors[class]++
		} else {
			h.Indexes.Valid++
		}
		h.Packs.Count += status.Packs
		h.Indexes.Status = append(h.Indexes.Status, status)
	}
	return h
}
