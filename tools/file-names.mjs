const kebab = /^[a-z0-9]+(-[a-z0-9]+)*(\.[a-z0-9]+(-[a-z0-9]+)*)*\.ts$/;
const vague = /(^|\/)(utils?|common|shared|helpers?|interfaces|dto)(\/|\.ts$)/;

/** ESLint plugin `shop`: a file's name says what is in it. */
export const fileNames = {
  rules: {
    'file-name': {
      meta: { type: 'suggestion', schema: [] },
      create: (context) => ({
        Program(node) {
          const path = context.filename.slice(context.cwd.length + 1).replaceAll('\\', '/');
          if (!kebab.test(path.split('/').at(-1)))
            context.report({ node, message: `"${path}": files are named in kebab-case.` });
          if (vague.test(path))
            context.report({
              node,
              message: `"${path}": no utils, common, shared, helpers, interfaces or dto; name what it is about.`,
            });
        },
      }),
    },
  },
};
