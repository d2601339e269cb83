package st2test

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// collection is how one list of the API behaves (server-behaviour.md, Purge
// 1-3, 9-13).
type collection struct {
	rows         string   // where its documents are
	defaultLimit int      // 0: everything, and no X-Limit
	ignoresPack  bool     // ?pack= has no effect
	ignoresPage  bool     // ?offset= has no effect
	uncounted    bool     // no X-Total-Count
	deletable    bool     // has a DELETE
	protected    bool     // DELETE spares the core pack
	filters      []string // query parameters that choose, beyond pack
	lacks        string   // an attribute that cannot be included
}

var collections = map[string]collection{
	"packs":        {rows: "packs", defaultLimit: 100, ignoresPack: true, filters: []string{"ref", "name"}},
	"actions":      {rows: "actions", deletable: true, protected: true, filters: []string{"name"}},
	"rules":        {rows: "rules", ignoresPage: true, deletable: true, filters: []string{"name", "action", "trigger", "enabled"}},
	"rules/views":  {rows: "rules", ignoresPage: true, filters: []string{"name", "action", "trigger", "enabled"}},
	"actionalias":  {rows: "actionalias", defaultLimit: 100, deletable: true, filters: []string{"name"}},
	"policies":     {rows: "policies", defaultLimit: 100, deletable: true, protected: true},
	"triggertypes": {rows: "triggertypes", defaultLimit: 100, deletable: true, protected: true, filters: []string{"name"}, lacks: "enabled"},
	"triggers":     {rows: "triggers", ignoresPack: true, uncounted: true},
	"sensortypes":  {rows: "sensortypes", ignoresPage: true, filters: []string{"name", "enabled"}},
}

// objects answers the lists of content and the requests for one of its elements.
func (s *Server) objects(r *http.Request, name, id string, body []byte) reply {
	if name == "rules" && (id == "views" || strings.HasPrefix(id, "views/")) {
		name, id = "rules/views", strings.TrimPrefix(strings.TrimPrefix(id, "views"), "/")
	}
	c, known := collections[name]
	switch {
	case !known, name == "packs" && (strings.HasPrefix(id, "index") || strings.HasPrefix(id, "views")):
		return notFound()
	case id == "" && r.Method == http.MethodGet:
		return s.list(c, name, r.URL.Query())
	case id != "" && r.Method == http.MethodGet:
		d := s.store.find(c.rows, id)
		if d == nil {
			return absent(name, id)
		}
		return reply{status: http.StatusOK, body: s.store.show(c.rows, d)}
	case id != "" && r.Method == http.MethodDelete && c.deletable:
		return s.delete(c, name, id, body)
	case id != "" && r.Method == http.MethodPut && name == "sensortypes":
		return s.putSensor(id, body)
	}
	return notFound()
}

func absent(collection, id string) reply {
	if collection == "packs" {
		return fault(http.StatusNotFound, "Resource with a ref or id \"%s\" not found", id)
	}
	return fault(http.StatusNotFound, "Resource with a reference or id \"%s\" not found", id)
}

func (s *Server) list(c collection, name string, query url.Values) reply {
	if name == "rules/views" {
		for _, d := range s.store.rows["rules"] {
			if _, whole := s.store.show("rules", d)["trigger"].(doc); !whole {
				return fault(http.StatusBadRequest, "Missing TriggerDB object for rule %s", d.text("id"))
			}
		}
	}
	var chosen []doc
	for _, d := range s.store.rows[c.rows] {
		if c.chooses(d, query) {
			chosen = append(chosen, s.store.show(c.rows, d))
		}
	}
	slices.SortStableFunc(chosen, func(a, b doc) int { return strings.Compare(a.text("ref"), b.text("ref")) })
	page, header, bad := c.page(chosen, query)
	if bad != nil {
		return *bad
	}
	page, bad = c.include(page, query.Get("include_attributes"))
	if bad != nil {
		return *bad
	}
	return reply{status: http.StatusOK, body: page, header: header}
}

func (c collection) chooses(d doc, query url.Values) bool {
	if pack := query.Get("pack"); pack != "" && !c.ignoresPack && d.text("pack") != pack {
		return false
	}
	for _, key := range c.filters {
		want := query.Get(key)
		if want == "" {
			continue
		}
		got := fmt.Sprint(d[key])
		if key == "action" || key == "trigger" {
			got = mapping(d[key]).text("ref")
		}
		if got != want {
			return false
		}
	}
	return true
}

// page cuts the list as limit and offset ask, with each collection's quirks.
func (c collection) page(docs []doc, query url.Values) ([]doc, map[string]string, *reply) {
	header := map[string]string{}
	if !c.uncounted {
		header["X-Total-Count"] = strconv.Itoa(len(docs))
	}
	limit := c.defaultLimit
	if text := query.Get("limit"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n == 0 || n < -1 {
			bad := fault(http.StatusBadRequest, "Limit, \"%s\" specified, must be a positive number or -1 for full result set.", text)
			return nil, nil, &bad
		}
		limit = n
	}
	if offset, err := strconv.Atoi(query.Get("offset")); err == nil && !c.ignoresPage {
		docs = docs[min(max(offset, 0), len(docs)):]
	}
	if limit > 0 {
		docs = docs[:min(limit, len(docs))]
		if !c.uncounted {
			header["X-Limit"] = strconv.Itoa(limit)
		}
	}
	if docs == nil {
		docs = []doc{}
	}
	return docs, header, nil
}

// include keeps the attributes that were asked for; id always comes along.
func (c collection) include(docs []doc, attributes string) ([]doc, *reply) {
	if attributes == "" {
		return docs, nil
	}
	names := append(strings.Split(attributes, ","), "id")
	if c.lacks != "" && slices.Contains(names, c.lacks) {
		bad := fault(http.StatusBadRequest, "Invalid or unsupported include attribute specified: %s", c.lacks)
		return nil, &bad
	}
	small := make([]doc, len(docs))
	for i, d := range docs {
		small[i] = maps.Clone(d)
		maps.DeleteFunc(small[i], func(key string, _ any) bool { return !slices.Contains(names, key) })
	}
	return small, nil
}

// delete removes an object. Nothing stops it from being in use.
func (s *Server) delete(c collection, name, id string, body []byte) reply {
	if name == "actions" {
		if bad := checkRemoveFiles(body); bad != nil {
			return *bad
		}
	}
	d := s.store.find(c.rows, id)
	switch {
	case d == nil:
		return absent(name, id)
	case c.protected && d.text("pack") == "core":
		return fault(http.StatusBadRequest, "Resources belonging to system level packs can't be manipulated")
	}
	switch name {
	case "rules":
		s.store.dropRule(d)
	case "triggertypes":
		s.store.dropTriggerType(d)
	default:
		s.store.remove(c.rows, func(other doc) bool { return other.text("id") == d.text("id") })
	}
	return reply{status: http.StatusNoContent}
}

// checkRemoveFiles judges the body of DELETE /v1/actions/{ref}. The double never
// removes files, so it refuses the request that would.
func checkRemoveFiles(body []byte) *reply {
	if len(body) == 0 {
		return nil
	}
	var options map[string]any
	if json.Unmarshal(body, &options) != nil {
		bad := badJSON()
		return &bad
	}
	for key, value := range options {
		remove, isBool := value.(bool)
		var bad reply
		switch {
		case key != "remove_files":
			bad = fault(http.StatusBadRequest, "Additional properties are not allowed ('%s' was unexpected)", key)
		case !isBool:
			bad = fault(http.StatusBadRequest, "'%v' is not of type 'boolean'", value)
		case remove:
			bad = fault(http.StatusNotImplemented, "the double removes no files")
		default:
			continue
		}
		return &bad
	}
	return nil
}

func badJSON() reply {
	return fault(http.StatusBadRequest, "Failed to parse request body: unexpected character: line 1 column 2 (char 1)")
}

// putSensor sets enabled; a body without it disables (server-behaviour.md, Purge
// 15).
func (s *Server) putSensor(id string, body []byte) reply {
	d := s.store.find("sensortypes", id)
	if d == nil {
		return absent("sensortypes", id)
	}
	says := map[string]any{}
	if len(body) > 0 && json.Unmarshal(body, &says) != nil {
		return badJSON()
	}
	on, isBool := says["enabled"].(bool)
	if _, there := says["enabled"]; there && !isBool {
		return fault(http.StatusBadRequest, "ValidationError (SensorTypeDB:%s) (BooleanField only accepts boolean values: ['enabled'])", d.text("id"))
	}
	d["enabled"] = on
	return reply{status: http.StatusOK, body: d}
}
