"""Who is in a consumer group. aiokafka 0.14 asks at version 3, and reads answers as version 2."""

from collections import defaultdict
from collections.abc import Sequence
from typing import Any, TypeAlias

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import GroupCoordinatorNotAvailableError
from aiokafka.protocol.admin import (
    DescribeGroupsRequest_v0,
    DescribeGroupsRequest_v1,
    DescribeGroupsRequest_v2,
)
from aiokafka.protocol.api import Request

_Versions: TypeAlias = (
    DescribeGroupsRequest_v0 | DescribeGroupsRequest_v1 | DescribeGroupsRequest_v2
)


class _DescribeGroups(Request[_Versions]):  # type: ignore[misc]  # untyped there
    API_KEY = 15

    def __init__(self, groups: Sequence[str]) -> None:
        self._groups = list(groups)

    def build(self, request_struct_class: Any) -> Any:
        """The request at the version that was agreed on."""
        return request_struct_class(self._groups)


async def member_counts(admin: AIOKafkaAdminClient, groups: Sequence[str]) -> dict[str, int]:
    """How many members each group has; none in a Kafka that knows no group yet.

    Raises:
        KafkaError: Kafka cannot be reached. The caller brings the deadline.
    """
    by_node: defaultdict[int, list[str]] = defaultdict(list)
    try:
        for group in groups:
            by_node[await admin.find_coordinator(group)].append(group)
    except GroupCoordinatorNotAvailableError:
        return {}
    found: dict[str, int] = {}
    for node, asked in by_node.items():
        answer = await admin._send_request(_DescribeGroups(asked), node)  # noqa: SLF001
        found |= {one["group"]: len(one["members"]) for one in answer.to_object()["groups"]}
    return found
