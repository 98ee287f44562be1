//! If, Case and While as branches and loops of the executor.

use super::{Body, Expander, Inlined, Site, fits};
use crate::def::AttrValue;
use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::graph::{Endpoint, NodeId};
use crate::tensor::Tensor;
use std::sync::Arc;

fn first(node: NodeId) -> Endpoint {
    Endpoint { node, port: 0 }
}

impl Expander<'_> {
    /// A condition as a scalar bool: a number is true when it is not zero, anything else when it is not empty.
    fn truth(&mut self, site: &Site, local: &str, value: Endpoint, ty: DType) -> Result<Endpoint> {
        if ty == DType::Bool {
            return Ok(value);
        }
        let attrs = vec![("T", AttrValue::Type(ty))];
        Ok(first(self.node(
            site,
            local,
            "ToBool",
            vec![value],
            Vec::new(),
            attrs,
        )?))
    }

    pub(super) fn if_op(&mut self, site: &Site) -> Result<()> {
        let attrs = &site.node.attrs;
        // Output 0 of a Switch is the false side.
        let bodies = [
            ("else", self.body_of(attrs.get("else_branch")?)?),
            ("then", self.body_of(attrs.get("then_branch")?)?),
        ];
        let (pred, ty) = self.chooser(site)?;
        let pred = self.truth(site, "cond", pred, ty)?;
        self.branches(site, pred, &bodies)
    }

    pub(super) fn case(&mut self, site: &Site) -> Result<()> {
        let list = match site.node.attrs.get("branches")? {
            AttrValue::FuncList(list) if !list.is_empty() => list.clone(),
            _ => return Err(Error::invalid_argument("Case needs at least one branch")),
        };
        let mut bodies = Vec::new();
        for (name, attrs) in &list {
            bodies.push(("branch", self.body(name, attrs)?));
        }
        let (index, _) = self.chooser(site)?;
        self.branches(site, index, &bodies)
    }

    fn chooser(&self, site: &Site) -> Result<(Endpoint, DType)> {
        let both = site.inputs.first().zip(site.types.first());
        let (e, t) = both.ok_or_else(|| Error::invalid_argument("nothing to choose by"))?;
        Ok((*e, *t))
    }

    /// A Switch of two or of many ways.
    fn switch(
        &mut self,
        site: &Site,
        local: &str,
        (data, by): (Endpoint, Endpoint),
        ty: DType,
        ways: usize,
        controls: Vec<NodeId>,
    ) -> Result<NodeId> {
        let mut attrs = vec![("T", AttrValue::Type(ty))];
        let op = if site.node.op.name.ends_with("Case") {
            attrs.push(("num_outs", AttrValue::Int(ways as i64)));
            "_SwitchN"
        } else {
            "Switch"
        };
        self.node(site, local, op, vec![data, by], controls, attrs)
    }

    /// Runs the one of the bodies that `by` chooses.
    fn branches(&mut self, site: &Site, by: Endpoint, bodies: &[(&str, Arc<Body>)]) -> Result<()> {
        let (types, args) = (&site.types[1..], &site.inputs[1..]);
        for (_, body) in bodies {
            fits(body, types, &site.node.outputs)?;
        }
        let ways = bodies.len();
        let by_type = if site.node.op.name.ends_with("Case") {
            DType::I32
        } else {
            DType::Bool
        };
        let switch = self.switch(
            site,
            "pivot",
            (by, by),
            by_type,
            ways,
            site.controls.clone(),
        )?;
        let mut switches = Vec::new();
        for (i, (arg, ty)) in args.iter().zip(types).enumerate() {
            let name = format!("switch_{i}");
            switches.push(self.switch(site, &name, (*arg, by), *ty, ways, Vec::new())?);
        }
        let (mut results, mut ends): (Vec<Inlined>, Vec<Endpoint>) = Default::default();
        for (port, (name, body)) in (0u32..).zip(bodies) {
            let local = match ways {
                2 if *name != "branch" => format!("{name}/"),
                _ => format!("{name}_{port}/"),
            };
            let here = Endpoint { node: switch, port };
            let pivot = self.pass(site, &format!("{local}pivot"), here, by_type, Vec::new())?;
            let args: Vec<Endpoint> = switches
                .iter()
                .map(|node| Endpoint { node: *node, port })
                .collect();
            let inlined = self.inline(site, &local, body, &args, Some(pivot.node))?;
            let mut before = inlined.controls.clone();
            before.extend(inlined.rets.iter().map(|e| e.node));
            ends.push(self.pass(site, &format!("{local}end"), pivot, by_type, before)?);
            results.push(inlined);
        }
        let mut outputs = Vec::new();
        for (i, ty) in site.node.outputs.iter().enumerate() {
            let sides = results.iter().map(|r| r.rets[i]).collect();
            outputs.push(first(self.merge(
                site,
                &format!("merge_{i}"),
                sides,
                ty.base,
            )?));
        }
        let done = self.merge(site, "end", ends, by_type)?;
        self.replace(site, outputs, done);
        Ok(())
    }

    fn merge(
        &mut self,
        site: &Site,
        local: &str,
        inputs: Vec<Endpoint>,
        ty: DType,
    ) -> Result<NodeId> {
        let attrs = vec![
            ("T", AttrValue::Type(ty)),
            ("N", AttrValue::Int(inputs.len() as i64)),
        ];
        self.node(site, local, "Merge", inputs, Vec::new(), attrs)
    }

    /// A loop. What the body gives back as it got it does not go around.
    pub(super) fn while_op(&mut self, site: &Site) -> Result<()> {
        let attrs = &site.node.attrs;
        let cond = self.body_of(attrs.get("cond")?)?;
        let body = self.body_of(attrs.get("body")?)?;
        let parallel = attrs.int("parallel_iterations")?;
        fits(&body, &site.types, &site.node.outputs)?;
        if cond.arg_types != site.types || cond.ret_types.len() != 1 {
            return Err(Error::invalid_argument(
                "The condition of a While takes what the body does and gives one tensor",
            ));
        }
        let mut around: Vec<bool> = (0..body.args.len()).map(|i| !passes(&body, i)).collect();
        if let (false, Some(a)) = (around.contains(&true), around.first_mut()) {
            *a = true;
        }
        let frame = format!("{}/loop_{}", site.node.name, site.node.id.number());
        let (mut inputs, mut types) = (site.inputs.clone(), site.types.clone());
        if inputs.is_empty() {
            // Something has to go around.
            let value = AttrValue::Tensor(Tensor::from(false));
            let attrs = vec![("dtype", AttrValue::Type(DType::Bool)), ("value", value)];
            let nothing = self.node(
                site,
                "nothing",
                "Const",
                Vec::new(),
                site.controls.clone(),
                attrs,
            )?;
            inputs.push(first(nothing));
            types.push(DType::Bool);
            around.push(true);
        }
        let mut heads = Vec::new();
        for (i, (input, ty)) in inputs.iter().zip(&types).enumerate() {
            let attrs = vec![
                ("T", AttrValue::Type(*ty)),
                ("frame_name", AttrValue::from(frame.as_str())),
                ("is_constant", AttrValue::Bool(!around[i])),
                ("parallel_iterations", AttrValue::Int(parallel)),
            ];
            let name = format!("enter_{i}");
            let enter = self.node(
                site,
                &name,
                "Enter",
                vec![*input],
                site.controls.clone(),
                attrs,
            )?;
            let next = first(self.id(site, &format!("next_{i}")));
            heads.push(match around[i] {
                true => self.merge(site, &format!("merge_{i}"), vec![first(enter), next], *ty)?,
                false => enter,
            });
        }
        let leader = (0..heads.len()).find(|i| around[*i]).unwrap_or(0);
        let args: Vec<Endpoint> = heads.iter().map(|h| first(*h)).collect();
        let args = &args[..site.inputs.len()];
        let tested = self.inline(site, "cond/", &cond, args, Some(heads[leader]))?;
        let test = self.truth(site, "cond/truth", tested.rets[0], cond.ret_types[0])?;
        let test = first(self.node(
            site,
            "loop_cond",
            "LoopCond",
            vec![test],
            tested.controls,
            Vec::new(),
        )?);
        let mut switches: Vec<NodeId> = Vec::new();
        for (i, (head, ty)) in heads.iter().zip(&types).enumerate() {
            switches.push(match around[i] {
                true => self.switch(
                    site,
                    &format!("switch_{i}"),
                    (first(*head), test),
                    *ty,
                    2,
                    Vec::new(),
                )?,
                false => *head,
            });
        }
        let port = |i: usize, port: u32| Endpoint {
            node: switches[i],
            port: if around[i] { port } else { 0 },
        };
        let pivot = self.pass(site, "pivot", port(leader, 1), types[leader], Vec::new())?;
        let args: Vec<Endpoint> = (0..site.inputs.len()).map(|i| port(i, 1)).collect();
        let turned = self.inline(site, "body/", &body, &args, Some(pivot.node))?;
        let mut exits = vec![None; types.len()];
        for i in (0..types.len()).filter(|i| around[*i]) {
            let ty = || vec![("T", AttrValue::Type(types[i]))];
            let back = turned.rets.get(i).copied().unwrap_or(port(i, 1));
            // An iteration begins when the effects of the one before are done.
            self.node(
                site,
                &format!("next_{i}"),
                "NextIteration",
                vec![back],
                turned.controls.clone(),
                ty(),
            )?;
            exits[i] = Some(self.node(
                site,
                &format!("exit_{i}"),
                "Exit",
                vec![port(i, 0)],
                Vec::new(),
                ty(),
            )?);
        }
        let done = self.no_op(site, "end", exits.iter().copied().flatten().collect())?;
        let mut outputs = Vec::new();
        for (i, input) in site.inputs.iter().enumerate() {
            outputs.push(match exits[i] {
                Some(exit) => first(exit),
                None => self.pass(site, &format!("output_{i}"), *input, types[i], vec![done])?,
            });
        }
        self.replace(site, outputs, done);
        Ok(())
    }
}

/// Whether a loop's body gives its argument `i` back as result `i`.
fn passes(body: &Body, i: usize) -> bool {
    let Some(mut e) = body.rets.get(i).copied() else {
        return false;
    };
    loop {
        if body.args.get(i) == Some(&e.node) {
            return true;
        }
        let found = body.nodes.binary_search_by_key(&e.node, |n| n.id);
        let n = found.ok().and_then(|i| body.nodes.get(i));
        match n
            .filter(|n| n.op.name == "Identity")
            .and_then(|n| n.inputs.first())
        {
            Some(input) => e = *input,
            None => return false,
        }
    }
}
