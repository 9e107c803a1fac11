/**
 * What a client of the gateway can be refused for: each code with its status and words that are true of every case. The
 * document shows one example of each that an operation can give; a spec sees to it that each is thrown somewhere, with
 * this status.
 */
export const problems = {
  'validation-failed': [400, 'The request is not as it should be; see errors.'],
  'malformed-json': [400, 'Body is not valid JSON.'],
  'json-too-deep': [400, 'JSON nests at most 32 levels here.'],
  'token-missing': [401, 'This needs an access token.'],
  'token-invalid': [401, 'The access token is not valid.'],
  'insufficient-scope': [403, 'This needs another scope.'],
  'role-missing': [403, 'This is for the role admin.'],
  'second-factor-required': [
    403,
    'Sign in with a second factor to do this. Add one on the page of your account, if you have none.',
  ],
  'account-not-found': [404, 'There is no such account.'],
  'order-not-found': [404, 'There is no such order.'],
  'product-not-found': [404, 'There is no such product.'],
  'not-acceptable': [406, 'This is answered with application/json.'],
  'email-taken': [409, 'There is an account with this email address already. Sign in instead.'],
  'order-not-cancellable': [409, 'The order is confirmed; it can be returned, not cancelled.'],
  'own-standing': [409, 'Nobody disables the account that they are signed in with.'],
  'own-role': [409, 'Nobody takes the role of an admin from themselves: another admin can.'],
  'request-in-progress': [
    409,
    'A request with this Idempotency-Key is still under way. Repeat it in a moment to get its answer.',
  ],
  'sku-taken': [409, 'There is a product of this sku already.'],
  'stock-too-large': [409, 'There cannot be more than 1000000000 of a product.'],
  'precondition-failed': [412, 'The resource has changed since you read it. Read it again.'],
  'body-too-large': [413, 'Request body is too large'],
  'unsupported-media-type': [415, 'Send application/json.'],
  'amount-too-large': [422, 'The order is worth more than can be charged.'],
  'idempotency-key-reused': [422, 'This Idempotency-Key was used for a different request.'],
  'mixed-currencies': [422, 'An order is paid in one currency, not in EUR and USD.'],
  'unknown-product': [422, 'Not everything in this order is for sale.'],
  'not-a-name': [422, 'This cannot be a name.'],
  'weak-password': [422, 'This password is among those that are guessed first.'],
  'if-match-required': [
    428,
    'Send the ETag of the resource as you read it in If-Match, so that no change of somebody else is overwritten.',
  ],
  'rate-limited': [429, 'Too many requests. Come again when Retry-After says.'],
  overloaded: [503, 'There is more to do than can be done now. Try again.'],
  'deadline-exceeded': [503, 'The service did not answer in time. Try again.'],
  unavailable: [503, 'A service that is needed for this does not answer as it should. Try again.'],
} as const satisfies Record<string, readonly [status: number, detail: string]>;
export type ProblemCode = keyof typeof problems;
