"""The agent's tools in the domains of tau2-bench, as signatures: names and parameters are the benchmark's."""

from __future__ import annotations

_TRANSFER = "transfer_to_human_agents(summary)"

TOOLS: dict[str, tuple[str, ...]] = {
    "airline": (
        "get_user_details(user_id)",
        "get_reservation_details(reservation_id)",
        "get_flight_status(flight_number, date)",
        "list_all_airports()",
        "search_direct_flight(origin, destination, date)",
        "search_onestop_flight(origin, destination, date)",
        "calculate(expression)",
        "book_reservation(user_id, origin, destination, flight_type, cabin, flights, passengers, payment_methods, total_baggages, "
        "nonfree_baggages, insurance)",
        "cancel_reservation(reservation_id)",
        "update_reservation_flights(reservation_id, cabin, flights, payment_id)",
        "update_reservation_baggages(reservation_id, total_baggages, nonfree_baggages, payment_id)",
        "update_reservation_passengers(reservation_id, passengers)",
        "send_certificate(user_id, amount)",
        _TRANSFER,
    ),
    "retail": (
        "find_user_id_by_email(email)",
        "find_user_id_by_name_zip(first_name, last_name, zip)",
        "get_user_details(user_id)",
        "get_order_details(order_id)",
        "get_product_details(product_id)",
        "get_item_details(item_id)",
        "list_all_product_types()",
        "calculate(expression)",
        "cancel_pending_order(order_id, reason)",
        "modify_pending_order_address(order_id, address1, address2, city, state, country, zip)",
        "modify_pending_order_items(order_id, item_ids, new_item_ids, payment_method_id)",
        "modify_pending_order_payment(order_id, payment_method_id)",
        "modify_user_address(user_id, address1, address2, city, state, country, zip)",
        "exchange_delivered_order_items(order_id, item_ids, new_item_ids, payment_method_id)",
        "return_delivered_order_items(order_id, item_ids, payment_method_id)",
        _TRANSFER,
    ),
    "telecom": (
        "get_customer_by_phone(phone_number)",
        "get_customer_by_id(customer_id)",
        "get_customer_by_name(full_name, dob)",
        "get_details_by_id(id)",
        "get_bills_for_customer(customer_id, limit)",
        "get_data_usage(customer_id, line_id)",
        "send_payment_request(customer_id, bill_id)",
        "suspend_line(customer_id, line_id, reason)",
        "resume_line(customer_id, line_id)",
        "enable_roaming(customer_id, line_id)",
        "disable_roaming(customer_id, line_id)",
        "refuel_data(customer_id, line_id, gb_amount)",
        _TRANSFER,
    ),
    "mock": ("get_users()", "create_task(user_id, title, description = none)", "update_task_status(task_id, status)", _TRANSFER),
}

_LOOKING = ("get_", "find_", "list_", "search_", "check_", "can_", "run_", "calculate", "transfer_to_human_agents", "think")


def changes(name: str) -> bool:
    """Whether a tool can change a database, the agent's or the customer's: all that are not known to look only."""
    return not name.startswith(_LOOKING)
