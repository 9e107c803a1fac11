import { isOpen, type Payment, type Standing } from './payment.ts';

/**
 * Whether our book and the provider's ledger say the same of an order's money. An outcome that is open is no
 * difference: it is being asked for.
 */
export function agrees(state: Payment, standing: Standing): boolean {
  if (isOpen(state)) return true;
  // Nothing was held, or was let go: both are ours to call voided.
  if (state.status === 'voided')
    return standing.status === 'voided' || standing.status === 'none' || standing.status === 'declined';
  if (state.status !== standing.status) return false;
  if (!('amount' in state) || !('amount' in standing)) return true;
  return (
    state.amount === standing.amount && state.currency === standing.currency && state.paymentId === standing.paymentId
  );
}
