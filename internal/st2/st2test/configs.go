package st2test

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"math/big"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"

	"github.com/packsync/packsync/internal/pyyaml"
)

// registerSchema stores config.schema.yaml of a pack, if it has one.
func (s *Server) registerSchema(dir packDir) error {
	attributes, err := readMapping(filepath.Join(dir.path, "config.schema.yaml"))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return say("Failed to register pack \"%s\": %v", dir.name, err)
	}
	s.putByPack("config_schemas", dir.name, doc{"attributes": attributes})
	return nil
}

// putByPack writes a document that is identified by its pack.
func (s *Server) putByPack(collection, pack string, d doc) {
	d["pack"], d["id"] = pack, s.store.id()
	if old := s.byPack(collection, pack); old != nil {
		d["id"] = old["id"]
	}
	s.store.remove(collection, func(other doc) bool { return other.text("pack") == pack })
	s.store.rows[collection] = append(s.store.rows[collection], d)
}

func (s *Server) byPack(collection, pack string) doc {
	for _, d := range s.store.rows[collection] {
		if d.text("pack") == pack {
			return d
		}
	}
	return nil
}

// registerConfigs registers the config files of packs. One that cannot be
// registered is a 500 without reason if packs were named, whatever
// fail_on_failure says, and a 400 with the reason otherwise (server-behaviour.md
// 2). The pack row is written in any case.
func (s *Server) registerConfigs(g registration, dirs []packDir, counts map[string]int) reply {
	counts["configs"] = 0
	for _, dir := range dirs {
		if err := s.registerPack(dir); err != nil {
			if g.fail {
				return fault(http.StatusBadRequest, "%s", err)
			}
			continue
		}
		there, err := s.registerConfig(dir)
		switch {
		case err == nil && there:
			counts["configs"]++
		case err != nil && g.named:
			return fault(http.StatusInternalServerError, "Internal Server Error")
		case err != nil && g.fail:
			return fault(http.StatusBadRequest, "%s", err)
		}
	}
	return reply{status: http.StatusOK, body: counts}
}

func (s *Server) registerConfig(dir packDir) (there bool, err error) {
	if s.opts.ConfigsDir == "" {
		return false, nil
	}
	file := filepath.Join(s.opts.ConfigsDir, dir.name+".yaml")
	data, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	fail := func(format string, args ...any) error {
		return say("Failed to register config \"%s\" for pack \"%s\": "+format, append([]any{file, dir.name}, args...)...)
	}
	read, err := pyyaml.Unmarshal(data)
	if err != nil {
		return false, fail("%v", err)
	}
	values, isMapping := read.Root.Value().(map[string]any)
	if read.Root.Kind == pyyaml.Null {
		values, isMapping = map[string]any{}, true
	}
	if !isMapping {
		return false, fail("%v is not of type 'object'", read.Root.Value())
	}
	if schema := s.byPack("config_schemas", dir.name); schema != nil {
		if path, problem := invalid(mapping(schema["attributes"]), values, ""); problem != "" {
			return false, fail("Failed validating attribute \"%s\" in config for pack \"%s\" (%s): %s", path, dir.name, file, problem)
		}
	}
	s.putByPack("configs", dir.name, doc{"values": values})
	return true, nil
}

// invalid finds the first value that does not fit a schema. It knows of the
// dialect (reference.md 6.2) what packsync's own tests use: type, required, enum,
// default, and properties of objects.
func invalid(attributes doc, values map[string]any, prefix string) (path, problem string) {
	for _, name := range slices.Sorted(maps.Keys(attributes)) {
		attribute := mapping(attributes[name])
		value, there := values[name]
		path := prefix + name
		if !there {
			_, hasDefault := attribute["default"]
			if attribute["required"] == true && !hasDefault {
				return path, fmt.Sprintf("'%s' is a required property", name)
			}
			continue
		}
		kind := attribute.text("type")
		if kind != "" && !isKind(kind, value) && (value != nil || attribute["required"] == true) {
			return path, fmt.Sprintf("'%v' is not of type '%s'", value, kind)
		}
		if allowed, isList := attribute["enum"].([]any); isList && !slices.Contains(allowed, value) {
			return path, fmt.Sprintf("'%v' is not one of %v", value, allowed)
		}
		if nested, isMapping := value.(map[string]any); isMapping {
			if path, problem := invalid(mapping(attribute["properties"]), nested, path+"."); problem != "" {
				return path, problem
			}
		}
	}
	return "", ""
}

func isKind(kind string, value any) bool {
	switch value.(type) {
	case string:
		return kind == "string"
	case bool:
		return kind == "boolean"
	case int64, *big.Int:
		return kind == "integer" || kind == "number"
	case float64:
		return kind == "number"
	case []any:
		return kind == "array"
	case map[string]any:
		return kind == "object"
	}
	return kind == "null"
}

// configs answers GET on configs and config_schemas, secrets masked unless they
// are asked for. A config whose pack has no schema makes the masking fail, for
// the whole list (server-behaviour.md 4). There is no PUT: packsync owns the
// files.
func (s *Server) configs(r *http.Request, collection, pack string) reply {
	if r.Method != http.MethodGet {
		return notFound()
	}
	mask := collection == "configs" && r.URL.Query().Get("show_secrets") != "true"
	shown := []doc{}
	for _, d := range s.store.rows[collection] {
		if pack != "" && d.text("pack") != pack {
			continue
		}
		if mask {
			schema := s.byPack("config_schemas", d.text("pack"))
			if schema == nil {
				return fault(http.StatusNotFound, "Unable to find the ConfigSchemaDB instance. {'pack': '%s'}", d.text("pack"))
			}
			d = maps.Clone(d)
			d["values"] = masked(mapping(schema["attributes"]), mapping(d["values"]))
		}
		shown = append(shown, d)
	}
	switch {
	case pack == "":
		header := map[string]string{"X-Limit": "100", "X-Total-Count": strconv.Itoa(len(shown))}
		return reply{status: http.StatusOK, body: shown, header: header}
	case len(shown) == 0:
		return fault(http.StatusNotFound, "Unable to identify resource with pack_ref \"%s\".", pack)
	}
	return reply{status: http.StatusOK, body: shown[0]}
}

func masked(attributes, values doc) doc {
	shown := doc{}
	for name, value := range values {
		attribute := mapping(attributes[name])
		if attribute["secret"] == true {
			value = "********"
		} else if nested, isMapping := value.(map[string]any); isMapping {
			value = masked(mapping(attribute["properties"]), nested)
		}
		shown[name] = value
	}
	return shown
}
