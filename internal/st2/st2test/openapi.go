package st2test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/getkin/kin-openapi/openapi2"
	"github.com/getkin/kin-openapi/openapi2conv"
	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/getkin/kin-openapi/routers/gorillamux"

	"github.com/packsync/packsync/internal/pyyaml"
)

// Validator judges requests by StackStorm's own description of its API.
type Validator struct{ router routers.Router }

// NewValidator reads StackStorm's openapi.yaml, which is Swagger 2.0.
func NewValidator(description []byte) (*Validator, error) {
	read, err := pyyaml.Unmarshal(description)
	if err != nil {
		return nil, fmt.Errorf("read StackStorm's API description: %w", err)
	}
	tree := read.Root.Value()
	mendArrays(tree)
	data, err := json.Marshal(tree)
	if err != nil {
		return nil, fmt.Errorf("read StackStorm's API description: %w", err)
	}
	var v2 openapi2.T
	if err := json.Unmarshal(data, &v2); err != nil {
		return nil, fmt.Errorf("read StackStorm's API description: %w", err)
	}
	v3, err := openapi2conv.ToV3(&v2)
	if err != nil {
		return nil, fmt.Errorf("convert StackStorm's API description: %w", err)
	}
	v3.Servers = openapi3.Servers{{URL: "/"}}
	router, err := gorillamux.NewRouter(v3)
	if err != nil {
		return nil, fmt.Errorf("read the paths of StackStorm's API description: %w", err)
	}
	return &Validator{router}, nil
}

// mendArrays gives "items" to the arrays that lack it: the library refuses them.
func mendArrays(v any) {
	switch v := v.(type) {
	case []any:
		for _, item := range v {
			mendArrays(item)
		}
	case map[string]any:
		if _, has := v["items"]; v["type"] == "array" && !has {
			v["items"] = map[string]any{}
		}
		for _, item := range v {
			mendArrays(item)
		}
	}
}

// check returns what is wrong with a request, "" if nothing. It is stricter than
// StackStorm, which ignores query parameters that it does not know: a typing
// error in one would never show.
func (v *Validator) check(r *http.Request, body []byte) string {
	if !strings.HasPrefix(r.URL.Path, "/v1/") {
		return "" // the version at the root is not described
	}
	req := r.Clone(context.Background())
	req.URL.Path = "/api" + r.URL.Path
	req.Body = io.NopCloser(bytes.NewReader(body))
	name := r.Method + " " + r.URL.RequestURI()
	route, params, err := v.router.FindRoute(req)
	if err != nil {
		return fmt.Sprintf("%s: StackStorm's API has no such operation: %v", name, err)
	}
	for key := range r.URL.Query() {
		if route.Operation.Parameters.GetByInAndName("query", key) == nil {
			return fmt.Sprintf("%s: StackStorm's API does not know the query parameter %s here", name, key)
		}
	}
	input := &openapi3filter.RequestValidationInput{
		Request: req, PathParams: params, Route: route,
		Options: &openapi3filter.Options{AuthenticationFunc: openapi3filter.NoopAuthenticationFunc},
	}
	if err := openapi3filter.ValidateRequest(context.Background(), input); err != nil {
		return fmt.Sprintf("%s: %v", name, err)
	}
	return ""
}
