package st2test

import (
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
)

// execution is a run of an action. It becomes running at the first look, and
// final at the second, as long as the engine works.
type execution struct {
	id         string
	action     string
	parameters map[string]any
	status     string
	result     any
	broken     bool // ends as failed
}

// FailUnloads makes every later packs.unload end as failed without any effect,
// as it does where the packs pack's virtualenv or the runner is broken.
func (s *Server) FailUnloads() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.store.remove("actions", func(d doc) bool { return d.text("ref") == "packs.unload" })
	s.store.put("actions", "packs.unload", action("packs", "unload", "actions/unload.yaml", doc{"runner_type": "broken"}))
}

func (e *execution) final() bool {
	return slices.Contains([]string{"succeeded", "failed", "canceled"}, e.status)
}

// show returns an execution as the API does. Its action and runner are cut down
// to their names.
func (e *execution) show() doc {
	d := doc{
		"id": e.id, "status": e.status, "parameters": e.parameters, "start_timestamp": "2026-11-23T19:04:02.646986Z",
		"action": doc{"ref": e.action}, "runner": doc{"name": "python-script"}, "liveaction": doc{"action": e.action, "parameters": e.parameters},
		"context": doc{"user": "root", "pack": "packs"}, "log": []any{doc{"timestamp": "2026-11-23T19:04:02.680969Z", "status": "requested"}},
		"web_url": "https://localhost/#/history/" + e.id + "/general",
	}
	if e.final() {
		d["end_timestamp"] = "2026-11-23T19:04:05.824016Z"
		d["elapsed_seconds"] = 3.2
	}
	switch {
	case e.status == "canceled":
		d["result"] = doc{"message": "Action canceled by user.", "user": "root"}
	case e.result != nil:
		d["result"], d["result_size"] = e.result, 1601
	}
	return d
}

// executions answers /v1/executions and what is below it.
func (s *Server) executions(r *http.Request, id string, body []byte) reply {
	switch {
	case id == "" && r.Method == http.MethodGet:
		return s.listExecutions(r)
	case id == "" && r.Method == http.MethodPost:
		return s.execute(body)
	}
	at := slices.IndexFunc(s.store.executions, func(e *execution) bool { return e.id == id })
	if at < 0 {
		return fault(http.StatusNotFound, "Resource with id \"%s\" not found", id)
	}
	e := s.store.executions[at]
	switch r.Method {
	case http.MethodGet:
		shown := reply{status: http.StatusOK, body: e.show()}
		if !s.engineDown {
			s.advance(e)
		}
		return shown
	case http.MethodDelete:
		if e.final() {
			return reply{status: http.StatusOK, body: doc{"faultstring": "Action cannot be canceled. State = " + e.status + "."}}
		}
		e.status = "canceled"
		return reply{status: http.StatusOK, body: e.show()}
	}
	return notFound()
}

func (s *Server) listExecutions(r *http.Request) reply {
	query := r.URL.Query()
	list := []doc{}
	for _, e := range slices.Backward(s.store.executions) { // newest first
		if action := query.Get("action"); action != "" && action != e.action {
			continue
		}
		if status := query.Get("status"); status != "" && status != e.status {
			continue
		}
		list = append(list, e.show())
	}
	header := map[string]string{"X-Total-Count": strconv.Itoa(len(list)), "X-Limit": "100"}
	if limit, err := strconv.Atoi(query.Get("limit")); err == nil && limit > 0 {
		list = list[:min(limit, len(list))]
		header["X-Limit"] = strconv.Itoa(limit)
	}
	return reply{status: http.StatusOK, body: list, header: header}
}

func (s *Server) execute(body []byte) reply {
	var request struct {
		Action     string         `json:"action"`
		Parameters map[string]any `json:"parameters"`
	}
	if json.Unmarshal(body, &request) != nil {
		return badJSON()
	}
	found := s.store.find("actions", request.Action)
	if found == nil || found.text("ref") != request.Action {
		return fault(http.StatusBadRequest, "Action \"%s\" cannot be found.", request.Action)
	}
	if request.Action == "packs.unload" {
		packs, there := request.Parameters["packs"]
		if !there {
			return fault(http.StatusBadRequest, "'packs' is a required property")
		}
		if _, isList := packs.([]any); !isList {
			return fault(http.StatusBadRequest, "malformed node or string on line 1: <ast.Name object at 0x7f58a91d8280>")
		}
	}
	e := &execution{id: s.store.id(), action: request.Action, parameters: request.Parameters, status: "requested", broken: found.text("runner_type") == "broken"}
	s.store.executions = append(s.store.executions, e)
	return reply{status: http.StatusCreated, body: e.show()}
}

// advance moves an execution one step on.
func (s *Server) advance(e *execution) {
	switch e.status {
	case "requested":
		e.status = "running"
	case "running":
		s.finish(e)
	}
}

func (s *Server) finishAll() {
	for _, e := range s.store.executions {
		if !e.final() {
			s.finish(e)
		}
	}
}

// finish ends an execution and does what it is for.
func (s *Server) finish(e *execution) {
	if e.broken {
		e.status, e.result = "failed", doc{"stdout": "", "stderr": "ModuleNotFoundError: No module named 'st2common'\n", "exit_code": 1, "result": "None"}
		return
	}
	packs, _ := e.parameters["packs"].([]any)
	for _, ref := range packs {
		if slices.Contains([]any{"chatops", "core", "linux", "packs"}, ref) {
			e.status = "failed"
			e.result = doc{"stdout": "", "exit_code": 1, "result": "None",
				"stderr": "Traceback (most recent call last):\nValueError: Unregister includes an unregisterable pack - " + ref.(string) + ".\n"}
			return
		}
	}
	for _, ref := range packs {
		if name, isText := ref.(string); isText && e.action == "packs.unload" {
			s.store.dropPack(name)
		}
	}
	// On success, too, stderr is not empty: it holds the log.
	e.status, e.result = "succeeded", doc{"stdout": "", "stderr": "st2.actions.python.UnregisterPackAction: INFO     Removed pack.\n", "exit_code": 0, "result": nil}
}
