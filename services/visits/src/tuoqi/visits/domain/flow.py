"""A flow of most units at least cost through a small network, exactly: whole numbers, no randomness, no clock.

Successive shortest distances with potentials; all paths of one distance are filled together (blocking flows), so the
work grows with the number of different distances and not with the units.
"""

from __future__ import annotations

from collections import deque
from heapq import heappop, heappush
from typing import Final

ENDLESS: Final = 1 << 62


class Network:
    """Nodes are numbers, arcs have a capacity and a cost of nought or more; arc `a ^ 1` leads back along arc `a`."""

    def __init__(self) -> None:
        self.heads: list[int] = []
        self.left: list[int] = []
        """What an arc can still take."""
        self.costs: list[int] = []
        self.arcs: list[list[int]] = []
        self.flow = 0
        self._height: list[int] = []

    def node(self) -> int:
        """A new node."""
        self.arcs.append([])
        return len(self.arcs) - 1

    def arc(self, tail: int, head: int, capacity: int, cost: int = 0) -> int:
        """A new arc."""
        number = len(self.heads)
        self.heads += (head, tail)
        self.left += (capacity, 0)
        self.costs += (cost, -cost)
        self.arcs[tail].append(number)
        self.arcs[head].append(number + 1)
        return number

    def used(self, arc: int) -> int:
        """The units on an arc that was made by `arc`."""
        return self.left[arc ^ 1]

    def take(self, arc: int, units: int) -> None:
        """Take units off an arc, to follow a flow path by path."""
        self.left[arc ^ 1] -= units

    def fill(self, source: int, sink: int) -> int:
        """Send as many units as there is room for, at the least cost of all ways to send so many."""
        self._height = [0] * len(self.arcs)
        while self._lift(source, sink):
            while (levels := self._levels(source, sink)) is not None:
                self._block(source, sink, levels)
        return self.flow

    def _lift(self, source: int, sink: int) -> bool:
        """Raise the potentials to the next shortest distance; False where no path is left."""
        height, heads, left, costs = self._height, self.heads, self.left, self.costs
        distance = [ENDLESS * ENDLESS] * len(self.arcs)
        distance[source] = 0
        queue = [(0, source)]
        found = False
        while queue:
            far, node = heappop(queue)
            if far > distance[node]:
                continue
            if node == sink:
                found = True
                break
            base = far + height[node]
            for arc in self.arcs[node]:
                if left[arc]:
                    head = heads[arc]
                    there = base + costs[arc] - height[head]
                    if there < distance[head]:
                        distance[head] = there
                        heappush(queue, (there, head))
        if not found:
            return False
        limit = distance[sink]
        for node, far in enumerate(distance):
            height[node] += min(far, limit)
        return True

    def _levels(self, source: int, sink: int) -> list[int] | None:
        """Steps from the source along shortest arcs with room; None where the sink is not reached."""
        height, heads, left, costs = self._height, self.heads, self.left, self.costs
        levels = [-1] * len(self.arcs)
        levels[source] = 0
        queue = deque((source,))
        while queue:
            node = queue.popleft()
            for arc in self.arcs[node]:
                head = heads[arc]
                if levels[head] < 0 and left[arc] and costs[arc] + height[node] == height[head]:
                    levels[head] = levels[node] + 1
                    queue.append(head)
        return levels if levels[sink] >= 0 else None

    def _block(self, source: int, sink: int, levels: list[int]) -> None:
        """Fill paths of these levels until none has room."""
        height, heads, left, costs = self._height, self.heads, self.left, self.costs
        places = [0] * len(self.arcs)
        path: list[int] = []
        node = source
        while True:
            if node == sink:
                units = min(left[arc] for arc in path)
                for arc in path:
                    left[arc] -= units
                    left[arc ^ 1] += units
                self.flow += units
                path.clear()
                node = source
                continue
            arcs = self.arcs[node]
            while places[node] < len(arcs):
                arc = arcs[places[node]]
                head = heads[arc]
                if left[arc] and levels[head] == levels[node] + 1 and costs[arc] + height[node] == height[head]:
                    path.append(arc)
                    node = head
                    break
                places[node] += 1
            else:
                if node == source:
                    return
                # A dead end: step back and pass the arc over.
                back = path.pop()
                node = heads[back ^ 1]
                places[node] += 1
