"""Sparkplug B on the wire: the few messages of its payload, described here and handed to protobuf as descriptors.

Written from the field numbers of the Sparkplug 3.0 specification (Eclipse Foundation); no generated or copied schema.
Parts we never look into (metadata, data sets, templates, nested properties) are left as bytes, so their cost is a copy.
"""

from typing import Any, Final

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

_T = descriptor_pb2.FieldDescriptorProto
_PACKAGE: Final = "execlayer.sparkplug"

#: message -> field -> (number, type, one of the value)
_FIELDS: Final[dict[str, dict[str, tuple[int, int, bool]]]] = {
    "PropertyValue": {
        "type": (1, _T.TYPE_UINT32, False),
        "is_null": (2, _T.TYPE_BOOL, False),
        "int_value": (3, _T.TYPE_UINT32, True),
        "long_value": (4, _T.TYPE_UINT64, True),
        "float_value": (5, _T.TYPE_FLOAT, True),
        "double_value": (6, _T.TYPE_DOUBLE, True),
        "boolean_value": (7, _T.TYPE_BOOL, True),
        "string_value": (8, _T.TYPE_BYTES, True),
    },
    "Metric": {
        "name": (1, _T.TYPE_BYTES, False),
        "alias": (2, _T.TYPE_UINT64, False),
        "timestamp": (3, _T.TYPE_UINT64, False),
        "datatype": (4, _T.TYPE_UINT32, False),
        "is_historical": (5, _T.TYPE_BOOL, False),
        "is_transient": (6, _T.TYPE_BOOL, False),
        "is_null": (7, _T.TYPE_BOOL, False),
        "metadata": (8, _T.TYPE_BYTES, False),
        "int_value": (10, _T.TYPE_UINT32, True),
        "long_value": (11, _T.TYPE_UINT64, True),
        "float_value": (12, _T.TYPE_FLOAT, True),
        "double_value": (13, _T.TYPE_DOUBLE, True),
        "boolean_value": (14, _T.TYPE_BOOL, True),
        "string_value": (15, _T.TYPE_BYTES, True),
        "bytes_value": (16, _T.TYPE_BYTES, True),
        "dataset_value": (17, _T.TYPE_BYTES, True),
        "template_value": (18, _T.TYPE_BYTES, True),
        "extension_value": (19, _T.TYPE_BYTES, True),
    },
    "Payload": {
        "timestamp": (1, _T.TYPE_UINT64, False),
        "seq": (3, _T.TYPE_UINT64, False),
        "uuid": (4, _T.TYPE_BYTES, False),
        "body": (5, _T.TYPE_BYTES, False),
    },
}


def _message(file: descriptor_pb2.FileDescriptorProto, name: str) -> descriptor_pb2.DescriptorProto:
    """A message with its plain fields; strings are bytes here, so bad UTF-8 spoils one value, not a message."""
    message = file.message_type.add(name=name)
    if any(oneof for _, _, oneof in _FIELDS.get(name, {}).values()):
        message.oneof_decl.add(name="value")
    for field, (number, kind, oneof) in _FIELDS.get(name, {}).items():
        added = message.field.add(name=field, number=number, type=kind, label=_T.LABEL_OPTIONAL)
        if oneof:
            added.oneof_index = 0
    return message


def _build() -> dict[str, Any]:
    file = descriptor_pb2.FileDescriptorProto(
        name="execlayer/sparkplug.proto", package=_PACKAGE, syntax="proto2"
    )
    _message(file, "PropertyValue")
    properties = file.message_type.add(name="PropertySet")
    properties.field.add(name="keys", number=1, type=_T.TYPE_BYTES, label=_T.LABEL_REPEATED)
    properties.field.add(
        name="values", number=2, type=_T.TYPE_MESSAGE, label=_T.LABEL_REPEATED,
        type_name=f".{_PACKAGE}.PropertyValue",
    )  # fmt: skip
    _message(file, "Metric").field.add(
        name="properties", number=9, type=_T.TYPE_MESSAGE, label=_T.LABEL_OPTIONAL,
        type_name=f".{_PACKAGE}.PropertySet",
    )  # fmt: skip
    _message(file, "Payload").field.add(
        name="metrics", number=2, type=_T.TYPE_MESSAGE, label=_T.LABEL_REPEATED,
        type_name=f".{_PACKAGE}.Metric",
    )  # fmt: skip
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClassesForFiles([file.name], pool)


_classes = _build()
Payload: Any = _classes[f"{_PACKAGE}.Payload"]
Metric: Any = _classes[f"{_PACKAGE}.Metric"]
