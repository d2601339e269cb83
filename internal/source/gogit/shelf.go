package gogit

import "sync"

// shelf keeps the content of objects, by their index in a pack, up to a number of
// bytes: of those that do not fit together, the ones that came last. An object
// costs no more than its place in a slice; go-git's cache makes a table for a
// thousand for every pack. Safe for concurrent use.
type shelf struct {
	limit int

	mu      sync.Mutex
	content [][]byte // by index; nil for what is not kept
	order   []int32  // what is kept, the oldest first
	bytes   int
}

func (s *shelf) get(index int32) ([]byte, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if int(index) >= len(s.content) || s.content[index] == nil {
		return nil, false
	}
	return s.content[index], true
}

// put keeps content, which nobody changes any more.
func (s *shelf) put(index int32, content []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(content) > s.limit {
		return
	}
	if content == nil { // an empty file is content too
		content = []byte{}
	}
	for int(index) >= len(s.content) {
		s.content = append(s.content, nil)
	}
	if s.content[index] != nil {
		return
	}
	s.content[index] = content
	s.order = append(s.order, index)
	for s.bytes += len(content); s.bytes > s.limit; {
		oldest := s.order[0]
		s.order = s.order[1:]
		s.bytes -= len(s.content[oldest])
		s.content[oldest] = nil
	}
}
