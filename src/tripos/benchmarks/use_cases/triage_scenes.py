"""What people write to an office about: the phrasings of `email_triage`, eight families of mail.

`{this|that}` are alternatives; `$thing`, `$code`, `$place`, `$amount` are filled in. Each text says one fact only, so that
the facts of a mail can be put together freely: an opening never asks, sets a deadline or names an amount.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Scene:
    """The phrasings of one kind of mail.

    Attributes:
        classes: who may send it.
        task, choice, none: the sentence by which it asks for something, for a decision, for nothing; empty if it never does.
        money: the sentence that names an amount; empty if it never does.
        old_money: the same in an earlier message.
        words: sentences that a policy may listen for, by their listed word.
        private: whether it is about a private or festive occasion.
    """

    classes: tuple[str, ...]
    things: tuple[str, ...]
    subject: str
    opening: str
    task: str = ""
    choice: str = ""
    none: str = ""
    money: str = ""
    old_money: str = ""
    words: tuple[str, ...] = ()
    private: bool = False

    @property
    def serious(self) -> bool:
        """Whether somebody may be displeased."""
        return "penalty" in self.words


WORD_SENTENCES = {
    "outage": "{Our staff speak of|Everybody here calls it} an outage.",
    "unreachable": "{Your hotline was|Nobody could tell us why your hotline was} unreachable this morning.",
    "breach": "{We cannot rule out|It may turn out to be} a breach.",
    "overdue": "{On our side this is already overdue|I am told that it is overdue}.",
    "penalty": "{Our contract has a penalty for such cases|There is talk of a penalty}.",
    "lawsuit": "{Our lawyers have mentioned|One of our directors has mentioned} a lawsuit.",
    "unacceptable": "{Several of us find this|My manager calls this} unacceptable.",
    "audit": "{The point came up in|It was noted during} an audit.",
    "confidential": "{The attachment is confidential|This is confidential on our side}.",
    "surcharge": "{There was an argument about a surcharge|The word surcharge was used on the telephone}.",
    "board": "{Our board knows of it|The board heard of it last week}.",
    "press": "{Somebody from the press has called us|The press seems to know}.",
    "surprise": "{It comes as a surprise to many|Some here call it a surprise}.",
    "tradition": "{It has become a tradition|There is a tradition of such things here}.",
    "newcomers": "{It matters most to the newcomers|The newcomers were the first to mention it}.",
}
"""A sentence for each word that policies listen for. No other phrasing in this file may use these words."""

SAME_IN_OTHER_WORDS = (
    "{Nothing works here at the moment|Things have come to a standstill}.",
    "{This should have been settled long ago|It has been lying about for some time}.",
    "{We are less than pleased about it|Some of us are rather cross}.",
    "{Everybody here is talking about it|It is the talk of the corridor}.",
)
"""Sentences that mean much the same as some listed words and contain none of them."""

_HARD = ("outage", "unreachable", "breach", "penalty", "unacceptable", "board", "press")
_MONEY = ("overdue", "audit", "surcharge", "confidential", "board", "penalty")
_LAW = ("lawsuit", "penalty", "confidential", "breach", "press", "audit")
_SOFT = ("surprise", "tradition", "newcomers", "board")

FAMILIES: dict[str, tuple[Scene, ...]] = {
    "incident": (
        Scene(
            classes=("customer", "customer", "colleague"),
            things=("order terminal", "label printer", "booking page", "stock database", "door control", "payment gateway"),
            subject="{Trouble with|Fault of} the $thing, $code",
            opening="{For about an hour|Since this morning|Since our last shift} the $thing {at|in} $place {shows nothing but errors"
            "|has stopped answering|loses every second entry}. {We run this as|The ticket is|Our reference for it is} $code.",
            task="{Please get it running again|Please find out what is wrong with it|We need you to repair it}.",
            choice="{Please tell us whether you approve|We need you to approve or refuse} {a restart during working hours"
            "|the move to the standby system}.",
            none="{Our own staff are repairing it; I only want you to know.|We have a way around it, so there is nothing for you to do.}",
            money="{So far the damage comes to|The loss up to now is} $amount.",
            old_money="{At first sight the damage is|We first put the loss at} $amount.",
            words=_HARD,
        ),
    ),
    "invoice": (
        Scene(
            classes=("supplier", "supplier", "colleague"),
            things=("pallets", "cleaning", "spare parts", "translations", "packaging", "calibration"),
            subject="{Invoice|Bill} $code, $thing",
            opening="{Attached you will find|I am sending you|Herewith comes} {our|the} invoice $code for {the $thing in $place"
            "|$thing, as delivered to $place}.",
            task="{Please transfer the sum|Please pay it|We ask you to settle it}.",
            choice="{Please say whether you approve or refuse it|Please choose between one payment and three instalments}.",
            none="{It was paid from your deposit, so there is nothing for you to do.|It is only for your files.}",
            money="{The total is|It comes to|The sum is} $amount.",
            old_money="{The estimate was|Our first offer said} $amount.",
            words=_MONEY,
        ),
    ),
    "meeting": (
        Scene(
            classes=("colleague", "customer", "supplier"),
            things=("delivery plan", "yearly review", "site plan", "training plan", "new contract"),
            subject="{Meeting about|Talk about} the $thing ($code)",
            opening="{We are preparing|There is going to be} a meeting about the $thing in $place; {the invitation has the number"
            "|in the calendar it is} $code.",
            task="{Please send us your slides for it|Please book a room for twelve people|Please write the agenda}.",
            choice="{Please choose between the morning and the afternoon|Please say whether you approve of $place as the location}.",
            none="{The programme is attached, for your information.|You need not attend; this is only to keep you informed.}",
            money="{The room and the journey will cost|The budget for it is} $amount.",
            old_money="{At first we counted on|The first budget was} $amount.",
            words=("board", "audit", "confidential", "newcomers"),
        ),
        Scene(
            classes=("colleague",),
            things=("farewell lunch", "summer outing", "bowling evening", "anniversary dinner"),
            subject="{Our|The} $thing ($code)",
            opening="{The whole team is invited to|We are looking forward to} the $thing in $place; {the table is booked under"
            "|the booking number is} $code.",
            task="{Please bring a cake|Please tell me how many of you are coming}.",
            choice="{Please choose between fish and the vegetable pie|Please choose between the early and the late bus}.",
            none="{Everything is arranged and nobody needs to answer.|There is nothing to prepare and nothing to answer.}",
            money="{The whole evening costs the company|We may spend} $amount.",
            old_money="{Last time we spent|The first offer was} $amount.",
            words=_SOFT,
            private=True,
        ),
    ),
    "approval": (
        Scene(
            classes=("colleague", "colleague", "supplier"),
            things=("forklift", "measuring bench", "software licence", "shelf", "delivery van"),
            subject="{Request|Purchase request} $code: $thing",
            opening="{We would like to buy|Our department in $place asks for|For $place we plan to order} a $thing. "
            "{The request is filed as|You find the papers under} $code.",
            task="{Please get two more offers|Please enter it in the budget|Please order it}.",
            choice="{Please approve or refuse it|Please tell us whether you approve|Please choose between buying and hiring}.",
            none="{Head office has already signed it; you only get a copy.|This is a copy for your files.}",
            money="{It would cost|The offer is at|The price is} $amount.",
            old_money="{The first offer was at|The list price is} $amount.",
            words=_MONEY,
        ),
    ),
    "newsletter": (
        Scene(
            classes=("supplier", "authority", "colleague"),
            things=("packaging rules", "road works", "energy prices", "safety standards", "customs forms"),
            subject="{News|Newsletter} $code: $thing",
            opening="{This is issue|You are reading issue|Here is issue} $code of our {letter|newsletter} from $place. "
            "{The main article is about|This time you can read about} $thing.",
            task="{Please fill in the attached reader survey|Please correct your entry in our address list}.",
            choice="{Please choose between the printed and the electronic edition|Please say whether you approve of being named in it}.",
            none="{We wish you pleasant reading.|Older issues can be had from our office.}",
            money="{A yearly subscription costs|The fund for readers' projects holds} $amount.",
            old_money="{Until now the subscription was|Last year's fund held} $amount.",
            words=("newcomers", "press", "surprise", "tradition", "surcharge"),
        ),
        Scene(
            classes=("colleague",),
            things=("weddings and births", "the summer outing", "birthdays of the month", "the choir's anniversary"),
            subject="{News from the staff|Staff letter} $code: $thing",
            opening="{This is|Here comes} issue $code of the staff letter from $place. {All of it is about|It is given over to} $thing.",
            task="{Please send us a photograph for it|Please pin it up by the stairs}.",
            choice="{Please choose between the two pictures for the cover|Please say whether you approve of your picture in it}.",
            none="{We wish everybody joy.|Have fun reading it.}",
            words=("newcomers", "surprise", "tradition"),
            private=True,
        ),
    ),
    "social": (
        Scene(
            classes=("colleague", "customer", "supplier"),
            things=("birthday", "wedding", "farewell", "garden party", "house-warming"),
            subject="{My|Invitation:} $thing ($code)",
            opening="{I am looking forward to my|You are warmly invited to my} $thing in $place. {On the guest list you are number"
            "|Your card has the number} $code.",
            task="{Please tell me how many of you are coming|Please bring the big coffee pot}.",
            choice="{Please choose between soup and salad|Please choose between Saturday and Sunday}.",
            none="{There is no need to answer.|I only wanted to share my joy; no answer is needed.}",
            words=_SOFT,
            private=True,
        ),
    ),
    "complaint": (
        Scene(
            classes=("customer",),
            things=("desk lamps", "bicycle parts", "roof tiles", "coffee machines", "work gloves"),
            subject="{Complaint|Complaint about $thing}, order $code",
            opening="{The $thing that you sent to $place|The $thing of our order in $place} {are scratched|do not fit|arrived broken}; "
            "{the order is|our order number is} $code.",
            task="{Please send new ones|Please have them collected|Please explain how this could happen}.",
            choice="{Please approve or refuse a refund|Please choose between a refund and a replacement}.",
            none="{We shall keep them all the same and ask for nothing.|We have mended them ourselves; take it as a hint.}",
            money="{We paid|The goods are worth} $amount.",
            old_money="{According to the order form they cost|We were first quoted} $amount.",
            words=_HARD,
        ),
    ),
    "legal": (
        Scene(
            classes=("authority", "authority", "customer", "supplier"),
            things=("lease", "warranty case", "trade mark", "customs file", "data request"),
            subject="{Case|File} $code: $thing",
            opening="{I am writing about the $thing in $place|This concerns the $thing in $place}. {The file has the number"
            "|Our file is} $code.",
            task="{Please send us the signed papers|Please name a witness|Please file your statement}.",
            choice="{Please approve or refuse the settlement|Please choose between a hearing and a written procedure}.",
            none="{The court has been told; this copy is for your files.|This is a notice only.}",
            money="{The sum in dispute is|What is at stake is} $amount.",
            old_money="{The first claim was for|The claim began at} $amount.",
            words=_LAW,
        ),
    ),
}
