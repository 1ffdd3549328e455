"""Core ML's protobuf messages, as far as sdq reads them: `Model` parses a `model.mlmodel`.

Names and numbers are the format's (https://apple.github.io/coremltools/mlmodel/Format/Model.html and, for programs,
https://github.com/apple/coremltools/blob/9.0/mlmodel/format/MIL.proto), so that reading a package does not take the
hundred megabytes of the library that made it. Fields that are not here are skipped. Parsing is protobuf's own, with its
limits: text must be UTF-8, and messages a hundred deep are refused.

The classes are made at import, in a pool of their own: code that protoc generates works only with some versions of
protobuf, and names in the default pool would collide with those of coremltools where both are loaded.
"""

from __future__ import annotations

import re
from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

_PACKAGE = "sdq.mlpackage"

#: Enums are written as int32, which is the same on the wire; of the kinds of models those that converters made before
#: ML programs.
_PROTO = """
message Model {
  ModelDescription description = 2;
  oneof Type {
    Other pipelineClassifier = 200;
    Other pipelineRegressor = 201;
    Other pipeline = 202;
    Other neuralNetworkRegressor = 303;
    Other neuralNetworkClassifier = 403;
    Other neuralNetwork = 500;
    Program mlProgram = 502;
  }
}

message ModelDescription {
  repeated FeatureDescription input = 1;
  repeated FunctionDescription functions = 20;
  string defaultFunctionName = 21;
}

message FunctionDescription {
  repeated FeatureDescription input = 2;
}

message FeatureDescription {
  string name = 1;
  FeatureType type = 3;
}

message FeatureType {
  oneof Type {
    Other imageType = 4;
    ArrayFeatureType multiArrayType = 5;
  }
}

message ArrayFeatureType {
  repeated int64 shape = 1;
  int32 dataType = 2;
}

message Program {
  map<string, Function> functions = 2;
}

message Function {
  repeated NamedValueType inputs = 1;
  string opset = 2;
  map<string, Block> block_specializations = 3;
}

message Block {
  repeated string outputs = 2;
  repeated Operation operations = 3;
}

message Operation {
  string type = 1;
  map<string, Argument> inputs = 2;
  repeated NamedValueType outputs = 3;
  repeated Block blocks = 4;
  map<string, Value> attributes = 5;
}

message Argument {
  repeated Binding arguments = 1;
}

message Binding {
  oneof binding {
    string name = 1;
    Value value = 2;
  }
}

message NamedValueType {
  string name = 1;
  ValueType type = 2;
}

message ValueType {
  oneof type {
    TensorType tensorType = 1;
    Other listType = 2;
    Other tupleType = 3;
    Other dictionaryType = 4;
    Other stateType = 5;
  }
}

message TensorType {
  int32 dataType = 1;
  repeated Dimension dimensions = 3;
}

message Dimension {
  oneof dimension {
    ConstantDimension constant = 1;
    Other unknown = 2;
  }
}

message ConstantDimension {
  uint64 size = 1;
}

message Value {
  ValueType type = 2;
  oneof value {
    ImmediateValue immediateValue = 3;
    BlobFileValue blobFileValue = 5;
  }
}

message BlobFileValue {
  string fileName = 1;
  uint64 offset = 2;
}

message ImmediateValue {
  oneof value {
    TensorValue tensor = 1;
    ListValue list = 3;
  }
}

message ListValue {
  repeated Value values = 1;
}

message TensorValue {
  oneof value {
    RepeatedFloats floats = 1;
    RepeatedInts ints = 2;
    RepeatedBools bools = 3;
    RepeatedStrings strings = 4;
    RepeatedLongInts longInts = 5;
    RepeatedDoubles doubles = 6;
    Bytes bytes = 7;
  }
}

message RepeatedFloats {
  repeated float values = 1;
}

message RepeatedInts {
  repeated int32 values = 1;
}

message RepeatedBools {
  repeated bool values = 1;
}

message RepeatedStrings {
  repeated string values = 1;
}

message RepeatedLongInts {
  repeated int64 values = 1;
}

message RepeatedDoubles {
  repeated double values = 1;
}

message Bytes {
  bytes values = 1;
}

message Other {
}
"""

_STATEMENT = re.compile(
    r"message (?P<message>\w+) \{"
    r"|oneof (?P<oneof>\w+) \{"
    r"|(?:(?P<repeated>repeated) )?(?P<map>map<string, )?(?P<type>\w+)>? (?P<name>\w+) = (?P<number>\d+);"
    r"|\}"
)

_Field = descriptor_pb2.FieldDescriptorProto


def _file() -> Any:
    """Give `_PROTO` as a descriptor."""
    file = descriptor_pb2.FileDescriptorProto(
        name="mlpackage.proto", package=_PACKAGE, syntax="proto3"
    )
    message: Any = None
    in_oneof = False
    for statement in _STATEMENT.finditer(_PROTO):
        if statement["message"]:
            message = file.message_type.add(name=statement["message"])
        elif statement["oneof"]:
            message.oneof_decl.add(name=statement["oneof"])
            in_oneof = True
        elif statement["name"]:
            field = message.field.add(name=statement["name"], number=int(statement["number"]))
            _set_type(field, statement["type"])
            if statement["map"]:
                _make_map(message, field)
            elif statement["repeated"]:
                field.label = _Field.LABEL_REPEATED
            else:
                field.label = _Field.LABEL_OPTIONAL
            if in_oneof:
                field.oneof_index = len(message.oneof_decl) - 1
        else:
            in_oneof = False
    return file


def _set_type(field: Any, name: str) -> None:
    if name[0].isupper():
        field.type, field.type_name = _Field.TYPE_MESSAGE, f".{_PACKAGE}.{name}"
    else:
        field.type = _Field.Type.Value(f"TYPE_{name.upper()}")


def _make_map(message: Any, field: Any) -> None:
    """Turn a field of the map's values into the map: on the wire, repeated messages of a key and a value."""
    entry = message.nested_type.add(name=f"{field.name.title().replace('_', '')}Entry")
    entry.options.map_entry = True
    entry.field.add(name="key", number=1, type=_Field.TYPE_STRING, label=_Field.LABEL_OPTIONAL)
    value = entry.field.add(name="value", number=2, label=_Field.LABEL_OPTIONAL)
    value.type, value.type_name = field.type, field.type_name
    field.label, field.type = _Field.LABEL_REPEATED, _Field.TYPE_MESSAGE
    field.type_name = f".{_PACKAGE}.{message.name}.{entry.name}"


def _class(name: str) -> Any:
    pool = descriptor_pool.DescriptorPool()
    pool.Add(_file())
    return message_factory.GetMessageClass(pool.FindMessageTypeByName(f"{_PACKAGE}.{name}"))


Model: Any = _class("Model")
"""The message of a whole `model.mlmodel`."""
