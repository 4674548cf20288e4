// Two rules of this house that oxlint itself cannot express. Which files they bind: .oxlintrc.json.
const isDate = (node) => node.type === 'Identifier' && node.name === 'Date';

// `new Date(value)` only converts and is free; `new Date()`, `Date()` and `Date.now()` ask what time it is.
const clockOnly = {
  create(context) {
    const report = (node) => context.report({ node, message: 'Ask a Clock (types.ts) for the present moment.' });
    return {
      NewExpression: (node) => isDate(node.callee) && node.arguments.length === 0 && report(node),
      CallExpression: (node) => isDate(node.callee) && report(node),
      MemberExpression: (node) => isDate(node.object) && node.property.name === 'now' && report(node),
    };
  },
};

const KEY_WORK = new Set(['sign', 'createSign', 'generateKeyPair', 'generateKeyPairSync']);

const keysInCrypto = {
  create(context) {
    const message = 'Keys are made and used for signing in crypto/ only; import the rest of node:crypto by name.';
    return {
      ImportDeclaration(node) {
        if (!/^(node:)?crypto$/.test(node.source.value)) return;
        for (const specifier of node.specifiers) {
          const name = specifier.type === 'ImportSpecifier' ? specifier.imported.name : 'everything';
          if (name === 'everything' || KEY_WORK.has(name)) context.report({ node: specifier, message });
        }
      },
    };
  },
};

export default { meta: { name: 'certmate' }, rules: { 'clock-only': clockOnly, 'keys-in-crypto': keysInCrypto } };
