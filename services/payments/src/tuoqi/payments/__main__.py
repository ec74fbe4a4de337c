"""The payments service: `python -m tuoqi.payments` serves, `python -m tuoqi.payments migrate` brings the schema up."""

from __future__ import annotations

from tuoqi.kit.checking import Findings
from tuoqi.kit.county import County
from tuoqi.kit.service import Parts, Runtime, Service, main
from tuoqi.kit.signing import Signer
from tuoqi.payments.consumer import SUBSCRIPTION, VISITS
from tuoqi.payments.domain.aid import AidFile
from tuoqi.payments.domain.certification import Campaign, PersonChecks
from tuoqi.payments.domain.cycle import Cycle
from tuoqi.payments.domain.grants import Batch
from tuoqi.payments.domain.recovery import RecoveryFile
from tuoqi.payments.domain.vouchers import VoucherBook, VoucherIssue
from tuoqi.payments.jobs.aid_file import AidList
from tuoqi.payments.jobs.certification import CampaignDesk, CertificationTimer
from tuoqi.payments.jobs.certification_files import CertificationMissing, Certifications
from tuoqi.payments.jobs.exports import BankInstructions, PaymentLines, Recoveries, WaitingMoney
from tuoqi.payments.jobs.following import Follower
from tuoqi.payments.jobs.policies import (
    READERS,
    find_faults,
    read_aid_policy,
    read_banks,
    read_figures,
    read_funding,
    read_policy,
    read_verification,
    read_vouchers,
)
from tuoqi.payments.jobs.posting_lists import PostingList
from tuoqi.payments.jobs.prices import PriceIndex
from tuoqi.payments.jobs.reconcile import Reconciliation
from tuoqi.payments.jobs.recoveries import RecoveryDesk, RecoveryTimer
from tuoqi.payments.jobs.recovery_files import RecoveryNotices, Repayments
from tuoqi.payments.jobs.results import BankResults
from tuoqi.payments.jobs.tools import Tools
from tuoqi.payments.jobs.verification import VerificationDesk
from tuoqi.payments.jobs.verification_files import VerificationFindings, VerificationReport, VerificationSheet
from tuoqi.payments.jobs.voucher_files import VoucherSettlement
from tuoqi.payments.jobs.voucher_spends import SpendDesk
from tuoqi.payments.jobs.vouchers import VoucherDesk, VoucherTimer
from tuoqi.payments.peers import RegistryPeer
from tuoqi.payments.rpc.aid import add_aid
from tuoqi.payments.rpc.bank import add_bank
from tuoqi.payments.rpc.certification import add_certification
from tuoqi.payments.rpc.disbursements import add_disbursements
from tuoqi.payments.rpc.explain import add_explain
from tuoqi.payments.rpc.figures import add_figures
from tuoqi.payments.rpc.funding import add_funding
from tuoqi.payments.rpc.payments import add_payments
from tuoqi.payments.rpc.policy import add_policy
from tuoqi.payments.rpc.posting import add_posting
from tuoqi.payments.rpc.recoveries import add_recoveries
from tuoqi.payments.rpc.verification import add_verification
from tuoqi.payments.rpc.vouchers import add_vouchers
from tuoqi.payments.settings import PaymentsSettings
from tuoqi.payments.store.aid import AidFileStore
from tuoqi.payments.store.batches import BatchStore
from tuoqi.payments.store.campaigns import CampaignStore
from tuoqi.payments.store.certification import PersonChecksStore
from tuoqi.payments.store.cycles import CycleStore
from tuoqi.payments.store.recoveries import RecoveryStore
from tuoqi.payments.store.vouchers import VoucherBookStore, VoucherIssueStore


def after_payment(tools: Tools, county: County) -> Parts:
    """What comes after the payment: checks, life certification, care vouchers."""
    checks, vouchers = read_verification(county), read_vouchers(county)
    verification, campaigns = VerificationDesk(tools, checks), CampaignDesk(tools, checks)
    issuing, spending = VoucherDesk(tools, vouchers), SpendDesk(tools, vouchers)
    return Parts(
        servicers=[add_verification(verification), add_certification(campaigns), add_vouchers(issuing, spending)],
        importers=[VerificationFindings(verification), Certifications(campaigns)],
        exporters=[
            VerificationSheet(verification),
            VerificationReport(verification),
            CertificationMissing(campaigns),
            VoucherSettlement(spending),
        ],
        timers=[CertificationTimer(campaigns), VoucherTimer(issuing)],
    )


def recovering(tools: Tools) -> Parts:
    """What people owe, and how it comes back."""
    desk = RecoveryDesk(tools)
    return Parts(
        servicers=[add_recoveries(tools, desk)],
        importers=[Repayments(tools, desk)],
        exporters=[RecoveryNotices(tools)],
        timers=[RecoveryTimer(desk)],
    )


def check_files(county: County) -> Findings:
    """All that payments has to say of a county's files."""
    return find_faults(county, READERS)


def build(runtime: Runtime) -> Parts:
    """Hand each room what it needs."""
    settings = runtime.settings
    if not isinstance(settings, PaymentsSettings):
        raise TypeError("payments is started with its own settings")
    registry = RegistryPeer(runtime.peers)
    tools = Tools(
        database=runtime.database,
        commander=runtime.commander,
        clock=runtime.clock,
        ids=runtime.ids,
        policy=runtime.policy,
        policy_version=runtime.county.version,
        registry=registry,
        facts_wait_s=settings.facts_wait_s,
        chunk_persons=settings.chunk_persons,
        banks=read_banks(runtime.county),
        funding=read_funding(runtime.county),
        signer=Signer(runtime.keys.identity, "bank files"),
    )
    aid = read_aid_policy(runtime.county)
    after, owed = after_payment(tools, runtime.county), recovering(tools)
    return Parts(
        servicers=[
            *after.servicers,
            *owed.servicers,
            add_bank(tools),
            add_funding(tools),
            add_aid(tools, aid, registry),
            add_disbursements(tools, aid),
            add_payments(tools),
            add_figures(tools, read_figures(runtime.county)),
            add_policy(tools, runtime.county, check_files),
            add_posting(tools),
            add_explain(tools),
        ],
        importers=[*after.importers, *owed.importers, AidList(tools, aid, registry), BankResults(tools), PriceIndex()],
        exporters=[
            *after.exporters,
            *owed.exporters,
            PaymentLines(tools),
            BankInstructions(tools),
            Reconciliation(tools),
            Recoveries(tools),
            WaitingMoney(tools),
            PostingList(tools),
        ],
        timers=[*after.timers, *owed.timers, Follower(tools)],
    )


SERVICE = Service(
    name="payments",
    build=build,
    settings=PaymentsSettings,
    subscriptions=(SUBSCRIPTION, VISITS),
    stores={
        AidFile: AidFileStore(),
        Batch: BatchStore(),
        Cycle: CycleStore(),
        RecoveryFile: RecoveryStore(),
        Campaign: CampaignStore(),
        PersonChecks: PersonChecksStore(),
        VoucherBook: VoucherBookStore(),
        VoucherIssue: VoucherIssueStore(),
    },
    read_policy=read_policy,
    find_faults=check_files,
)

if __name__ == "__main__":
    main(SERVICE)
