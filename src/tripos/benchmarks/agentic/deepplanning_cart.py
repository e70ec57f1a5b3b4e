"""The shop of DeepPlanning: what its cart tools do, and how long a parcel takes.

By the tools of github.com/QwenLM/Qwen-Agent, `benchmark/deepplanning/shoppingplanning/tools` (Apache-2.0), in our own words.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tripos.benchmarks.agentic.trajectory import Call

COUPONS = (
    "Cross-store: ¥30 off every ¥300",
    "Cross-store: ¥60 off every ¥500",
    "Cross-store: ¥120 off every ¥900",
    "Cross-store: ¥200 off every ¥1,200",
    "Cross-store: ¥300 off every ¥1,500",
    "Same-brand: ¥25 off every ¥200",
    "Same-brand: ¥60 off every ¥400",
    "Same-brand: ¥180 off every ¥1,000",
    "Same-brand: ¥300 off every ¥1,200",
    "VIP: ¥200 off every ¥1,000",
)
_TERMS = re.compile(r"off every ¥([\d,]+)")


@dataclass
class Cart:
    """A cart that takes what the shop lets it take; a call that the shop refuses changes nothing.

    Attributes:
        products: the catalogue by product id.
        user: `coupons` {name: how many} and `is_vip`.
        items, coupons: what is in it, with quantities.
    """

    products: Mapping[str, Mapping[str, Any]]
    user: Mapping[str, Any]
    items: dict[str, int] = field(default_factory=dict)
    coupons: dict[str, int] = field(default_factory=dict)

    def play(self, calls: Iterable[Call]) -> Cart:
        """Itself, after these calls; tools that only look are passed over."""
        tools = {
            "add_product_to_cart": ("product_id", self._add),
            "delete_product_from_cart": ("product_id", self._delete),
            "add_coupon_to_cart": ("coupon_name", self._add_coupon),
            "delete_coupon_from_cart": ("coupon_name", self._delete_coupon),
        }
        for call in calls:
            if call.name not in tools:
                continue
            parameter, act = tools[call.name]
            name, quantity = call.arguments.get(parameter), call.arguments.get("quantity", 1)
            if isinstance(name, str) and isinstance(quantity, int | float) and 0 < quantity < 1e6:
                act(name, int(quantity))
        return self

    def total(self) -> float:
        """The price of the items before coupons."""
        return round(sum(float(self.products[name].get("price") or 0) * count for name, count in self.items.items()), 2)

    def _add(self, name: str, quantity: int) -> None:
        wanted = self.items.get(name, 0) + quantity
        if name in self.products and wanted <= int(self.products[name].get("stock_quantity") or 0):
            self.items[name] = wanted

    def _delete(self, name: str, quantity: int) -> None:
        _take(self.items, name, min(quantity, self.items.get(name, 0)))

    def _add_coupon(self, name: str, quantity: int) -> None:
        after = {**self.coupons, name: self.coupons.get(name, 0) + quantity}
        owned = int((self.user.get("coupons") or {}).get(name, 0))
        is_allowed = name in COUPONS and after[name] <= owned and (not name.startswith("VIP:") or bool(self.user.get("is_vip")))
        if is_allowed and self.total() >= sum(threshold(each) * count for each, count in after.items()):
            self.coupons = after

    def _delete_coupon(self, name: str, quantity: int) -> None:
        if quantity <= self.coupons.get(name, 0):
            _take(self.coupons, name, quantity)


def _take(counts: dict[str, int], name: str, quantity: int) -> None:
    if name in counts:
        counts[name] -= quantity
        if counts[name] <= 0:
            del counts[name]


def threshold(coupon: str) -> float:
    """The price from which a coupon can be used, in yuan; infinite where its name does not say."""
    said = _TERMS.search(coupon)
    return float(said[1].replace(",", "")) if said else float("inf")


# ------------------------------------------------------------------------------------------------------ parcels

_REGIONS = {
    "north": "beijing tianjin hebei shanxi inner_mongolia",
    "northeast": "liaoning jilin heilongjiang",
    "east": "shanghai jiangsu zhejiang anhui fujian jiangxi shandong",
    "centre": "henan hubei hunan",
    "south": "guangdong guangxi hainan hongkong macau taiwan",
    "southwest": "sichuan chongqing guizhou yunnan tibet",
    "northwest": "shaanxi gansu qinghai ningxia xinjiang",
}
_REGION_OF = {province.replace("_", ""): region for region, names in _REGIONS.items() for province in names.split()}
_ORDER: Sequence[str] = tuple(_REGIONS)
_DAYS = ("1223333", "2133444", "2312234", "2321223", "3422134", "3432313", "3443431")
"""Days between regions in the order of `_ORDER`, one row an origin."""
_REMOTE = frozenset({"tibet", "xinjiang", "qinghai", "innermongolia"})
_CARRIERS = {"sf": -2, "jd": -1, "cainiao": 1, "china post": 2, "yto express": 1, "zto express": 1, "sto express": 1, "yunda express": 1}
_CARRIERS |= {"sf express": -2, "jd logistics": -1}


def delivery_days(product: Mapping[str, Any], address: str) -> int | None:
    """How many days the shop says a product takes to an address; None where either province is not known.

    Days between regions, two more where either province is remote, more or fewer by carrier, at least one. A carrier written
    another way than the shop's own table writes it counts as an ordinary one, as it does there.
    """
    shipping = product.get("shipping_info") or product.get("shipping") or {}
    origin, destination = _province(str(shipping.get("origin") or "")), _province(address)
    if origin is None or destination is None:
        return None
    days = int(_DAYS[_ORDER.index(_REGION_OF[origin])][_ORDER.index(_REGION_OF[destination])])
    days += 2 * bool(_REMOTE & {origin, destination}) + _CARRIERS.get(str(shipping.get("provider") or "").lower(), 0)
    return max(1, days)


def _province(address: str) -> str | None:
    name = re.sub(r"[\s_]|province|city", "", address.lower())
    return name if name in _REGION_OF else next((province for province in _REGION_OF if province in name), None)
