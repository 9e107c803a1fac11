const rule = (message, visitors) => ({
  meta: { type: 'problem', schema: [], messages: { refused: message } },
  create: (context) => visitors((node) => context.report({ node, messageId: 'refused' })),
});

/** A selector for each way in which it is written. */
const refuses = (message, ...selectors) =>
  rule(message, (report) => Object.fromEntries(selectors.map((selector) => [selector, report])));

/**
 * ESLint plugin `one-form`: what has several spellings, or depends on whose clock or table is asked, is brought to one
 * form in one place.
 */
export const oneForm = {
  rules: {
    id: refuses(
      'An id has several spellings: take `id` of @shop/contracts, which makes them one.',
      "CallExpression[callee.object.name='z'][callee.property.name=/^(uuid|uuidv4|uuidv7|guid)$/]",
    ),
    clock: refuses(
      'The wall clock steps. A duration is measured by performance.now(), or by the database; a time that is stored or told comes from a place that is listed in eslint.config.mjs.',
      "CallExpression[callee.object.name='Date'][callee.property.name='now']",
      "NewExpression[callee.name='Date'][arguments.length=0]",
    ),
    money: refuses(
      'How many digits a currency has says ISO 4217: write amounts by `moneyText` and its neighbours in @shop/kernel.',
      "CallExpression[callee.property.name='toFixed'][arguments.0.value=2]",
      "Property[key.name='style'][value.value='currency']",
      'MemberExpression[property.name=/^(minimum|maximum)FractionDigits$/]',
      "Property[key.name='currency'] BinaryExpression[operator='/'][right.value=100]",
      "BinaryExpression[operator='/'][right.value=100][left.name=/amount|price|total|minor|cents/i]",
      "BinaryExpression[operator='/'][right.value=100][left.property.name=/amount|price|total|minor|cents/i]",
    ),
  },
};
