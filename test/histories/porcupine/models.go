package main

import (
	"bytes"
	"encoding/json"
	"fmt"

	"github.com/anishathalye/porcupine"
)

// node is a znode; the zero value is none at all.
type node struct {
	exists  bool
	value   string
	version int64
}

type znodeInput struct {
	Kind    string `json:"kind"`
	Value   string `json:"value"`
	Version int64  `json:"version"`
}

type znodeOutput struct {
	Value   *string `json:"value"`
	Version *int64  `json:"version"`
	Done    bool    `json:"done"`
	Error   string  `json:"error"`
}

// due says what is left of a znode after an operation, and whether that may give what it gave.
func due(now node, input znodeInput, output znodeOutput) (node, bool) {
	switch {
	case input.Kind == "create" && now.exists:
		return now, output.Error == "NodeExists"
	case input.Kind == "create":
		return node{exists: true, value: input.Value}, output.Done
	case !now.exists:
		return now, output.Error == "NoNode"
	case input.Kind == "get":
		isRight := output.Error == "" && output.Value != nil && output.Version != nil
		return now, isRight && *output.Value == now.value && *output.Version == now.version
	case input.Version != -1 && input.Version != now.version:
		return now, output.Error == "BadVersion"
	case input.Kind == "delete":
		return node{}, output.Done
	default:
		next := node{exists: true, value: input.Value, version: now.version + 1}
		return next, output.Error == "" && output.Version != nil && *output.Version == next.version
	}
}

// znode has creations, deletions, and writes that compare the version.
func znode() spec {
	return spec{
		model: porcupine.Model{
			Init: func() interface{} { return node{} },
			Step: func(state, input, output interface{}) (bool, interface{}) {
				given := output.(answer)
				if !given.known {
					next, _ := due(state.(node), input.(znodeInput), znodeOutput{})
					return true, next
				}
				next, isRight := due(state.(node), input.(znodeInput), given.value.(znodeOutput))
				return isRight, next
			},
		},
		input: func(text json.RawMessage) (interface{}, error) {
			var input znodeInput
			if err := json.Unmarshal(text, &input); err != nil {
				return nil, err
			}
			switch input.Kind {
			case "get", "create", "set", "delete":
				return input, nil
			}
			return nil, fmt.Errorf("a znode knows no %q", input.Kind)
		},
		output: func(text json.RawMessage) (interface{}, error) {
			var output znodeOutput
			err := json.Unmarshal(text, &output)
			return output, err
		},
	}
}

type registerInput struct {
	Kind  string          `json:"kind"`
	Value json.RawMessage `json:"value"`
	From  json.RawMessage `json:"from"`
	To    json.RawMessage `json:"to"`
}

// plain is JSON without white space, to be compared.
func plain(text json.RawMessage) string {
	var out bytes.Buffer
	if err := json.Compact(&out, text); err != nil {
		return ""
	}
	return out.String()
}

// register has reads, writes, and writes that compare the value; null in the beginning.
func register() spec {
	return spec{
		model: porcupine.Model{
			Init: func() interface{} { return "null" },
			Step: func(state, input, output interface{}) (bool, interface{}) {
				now, asked, given := state.(string), input.(registerInput), output.(answer)
				next, right := now, now
				switch asked.Kind {
				case "write":
					next, right = plain(asked.Value), "null"
				case "cas":
					right = "false"
					if plain(asked.From) == now {
						next, right = plain(asked.To), "true"
					}
				}
				return !given.known || given.value.(string) == right, next
			},
		},
		input: func(text json.RawMessage) (interface{}, error) {
			var input registerInput
			if err := json.Unmarshal(text, &input); err != nil {
				return nil, err
			}
			switch input.Kind {
			case "read", "write", "cas":
				return input, nil
			}
			return nil, fmt.Errorf("a register knows no %q", input.Kind)
		},
		output: func(text json.RawMessage) (interface{}, error) { return plain(text), nil },
	}
}
