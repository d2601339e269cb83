package ptytest

import (
	"fmt"
	"strings"
	"sync"
)

// Screen is what a terminal shows. It has as many rows as are written; the window
// is the last Rows of them, and the cursor cannot leave it upwards. Safe for
// concurrent use.
type Screen struct {
	mu            sync.Mutex
	columns, rows int
	lines         [][]rune
	row, column   int
	pending       string // an escape sequence that has not come whole
	wrapped       int
	problem       error
}

// NewScreen returns an empty screen.
func NewScreen(columns, rows int) *Screen {
	return &Screen{columns: columns, rows: rows, lines: [][]rune{nil}}
}

// Resize makes the window wider or narrower. Lines stay as they are, as in xterm.
func (s *Screen) Resize(columns, rows int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.columns, s.rows = columns, rows
}

// Write takes what a program prints.
func (s *Screen) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	text := []rune(s.pending + string(p))
	s.pending = ""
	for i := 0; i < len(text); i++ {
		if text[i] != '\x1b' {
			s.put(text[i])
			continue
		}
		end := i + 1
		for end < len(text) && (text[end] == '[' || text[end] >= '0' && text[end] <= '9' || text[end] == ';') {
			end++
		}
		if end == len(text) {
			s.pending = string(text[i:])
			break
		}
		s.escape(string(text[i : end+1]))
		i = end
	}
	return len(p), nil
}

func (s *Screen) put(r rune) {
	switch r {
	case '\r':
		s.column = 0
		return
	case '\n':
		s.down()
		return
	}
	if s.column >= s.columns {
		s.wrapped++
		s.column = 0
		s.down()
	}
	line := s.lines[s.row]
	for len(line) <= s.column {
		line = append(line, ' ')
	}
	line[s.column] = r
	s.lines[s.row] = line
	s.column++
}

func (s *Screen) down() {
	if s.row++; s.row == len(s.lines) {
		s.lines = append(s.lines, nil)
	}
}

func (s *Screen) escape(sequence string) {
	n := 1
	switch final := sequence[len(sequence)-1]; final {
	case 'A':
		_, _ = fmt.Sscanf(sequence, "\x1b[%d", &n) // without a number it is 1
		s.row = max(s.row-n, len(s.lines)-s.rows, 0)
	case 'K':
		if line := s.lines[s.row]; s.column < len(line) {
			s.lines[s.row] = line[:s.column]
		}
	case 'J':
		if line := s.lines[s.row]; s.column < len(line) {
			s.lines[s.row] = line[:s.column]
		}
		s.lines = s.lines[:s.row+1]
	case 'm': // colour
	default:
		s.problem = fmt.Errorf("a sequence that this screen does not know: %q", sequence)
	}
}

// Text returns the screen as it is, without trailing blanks. The error says that
// something was printed that the screen does not know.
func (s *Screen) Text() (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []string
	for _, line := range s.lines {
		out = append(out, strings.TrimRight(string(line), " "))
	}
	return strings.TrimRight(strings.Join(out, "\n"), "\n"), s.problem
}

// Wrapped counts the lines that did not fit and went on in the next.
func (s *Screen) Wrapped() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.wrapped
}
